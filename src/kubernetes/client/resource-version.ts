/**
 * Whether one resource version is later than another of the same resource. Since Kubernetes 1.35 they may be compared as
 * integers (KEP-5504; the older servers' are revisions of etcd, too). False where one is no integer: then nobody knows.
 */
export function isLaterVersion(version: string, than: string): boolean {
  if (!isInteger(version) || !isInteger(than)) return false;
  return version.length === than.length ? version > than : version.length > than.length;
}

/** Of at most 39 digits, as 128 bits may have, and without leading zeros. */
function isInteger(version: string): boolean {
  return /^[1-9]\d{0,38}$/.test(version);
}
