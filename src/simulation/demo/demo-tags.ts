/** The names that a nightly build gives its images: dailies, weeklies and releases around a date. */

const DAY = 86_400_000;

/** The daily of the UTC day that `time` (milliseconds since the epoch) falls on: `d_2077_10_23`. */
export function dailyTag(time: number): string {
  const [year = "", month = "", day = ""] = new Date(time).toISOString().slice(0, 10).split("-");
  return `d_${year}_${month}_${day}`;
}

/** The weekly of the ISO week that `time` falls in: `w_2077_43`. */
export function weeklyTag(time: number): string {
  const thursday = time + (3 - ((new Date(time).getUTCDay() + 6) % 7)) * DAY;
  const year = new Date(thursday).getUTCFullYear();
  const week = 1 + Math.floor((thursday - Date.UTC(year, 0, 1)) / (7 * DAY));
  return `w_${year}_${String(week).padStart(2, "0")}`;
}

/** What a registry that has been in use for a while holds at `now`, oldest first. */
export function establishedTags(now: number): readonly string[] {
  const weeklies = Array.from({ length: 12 }, (_, back) => weeklyTag(now - (11 - back) * 7 * DAY));
  const dailies = Array.from({ length: 15 }, (_, back) => dailyTag(now - (14 - back) * DAY));
  return ["r28_0_2", "r29_0_0_rc2", "r29_0_0", "r29_1_0_rc1", ...weeklies, ...dailies, `exp_${weeklyTag(now)}_gpu`];
}
