import assert from "node:assert/strict";

/** One line of a metrics page. */
export interface Sample {
  /** With the suffix of a histogram's series, such as `_bucket`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A page in Prometheus's text format: what it declares of our own, with the type, and all samples of that. */
export interface MetricsPage {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];
}

/** Reads the page of this address. */
export async function scrape(http: string): Promise<MetricsPage> {
  return parseMetrics(await (await fetch(`http://${http}/metrics`)).text());
}

/** Reads a page; series of the process and of Node are left out. */
export function parseMetrics(text: string): MetricsPage {
  const declared = text.matchAll(/^# TYPE (labimages_\w+) (\w+)$/gm);
  const lines = text.matchAll(/^(labimages_\w+)(?:\{(.*)\})? (\S+)$/gm);
  return {
    types: new Map([...declared].map(([, name = "", type = ""]) => [name, type])),
    samples: [...lines].map(([, name = "", labels = "", value]) => ({
      name,
      labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", one = ""]) => [key, one])),
      value: Number(value),
    })),
  };
}

/** The declared name that a sample belongs to. */
export function familyOf({ types }: MetricsPage, { name }: Sample): string {
  if (types.has(name)) return name;
  return name.replace(/_(bucket|sum|count)$/, "");
}

/** The sum of the samples of this name whose labels include these. */
export function sampleSum(
  { samples }: MetricsPage,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const found = samples.filter(
    (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  assert.ok(found.length > 0, `${name} has no sample with ${JSON.stringify(labels)}`);
  return found.reduce((sum, { value }) => sum + value, 0);
}

/** Asserts that nothing is below zero, no counter has gone down since the page before, and no label is unexpected. */
export function assertInRange(
  page: MetricsPage,
  before: MetricsPage | null,
  labelValues: Readonly<Record<string, RegExp>>,
): void {
  for (const sample of page.samples) {
    const what = `${sample.name} ${JSON.stringify(sample.labels)}`;
    assert.ok(sample.value >= 0, `${what} is ${sample.value}`);
    for (const [label, value] of Object.entries(sample.labels)) {
      assert.match(value, labelValues[label] ?? /^never$/, `${what}: ${label}`);
    }
  }
  for (const sample of before?.samples ?? []) {
    if (page.types.get(familyOf(page, sample)) === "gauge") continue;
    const now = sampleSum(page, sample.name, sample.labels);
    assert.ok(
      now >= sample.value,
      `${sample.name} ${JSON.stringify(sample.labels)} went from ${sample.value} to ${now}`,
    );
  }
}
