import type { X509Certificate } from "node:crypto";

/** One entry of the form that Node gives: `DNS:a, URI:"quoted, text"`. */
const ENTRY = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/y;

/**
 * Subject alternative names of a certificate: DNS names in lower case, URIs, e-mail and IP addresses, each as its text. The
 * common name is none of them. Empty where the text cannot be read to its end.
 */
export function certificateNames({ subjectAltName = "" }: X509Certificate): readonly string[] {
  const names: string[] = [];
  let end = 0;
  ENTRY.lastIndex = 0;
  for (let match = ENTRY.exec(subjectAltName); match !== null; match = ENTRY.exec(subjectAltName)) {
    end = ENTRY.lastIndex;
    const name = nameOf(match[1] ?? "", match[2] ?? "");
    if (name !== null) names.push(name);
  }
  return end === subjectAltName.length ? names : [];
}

function nameOf(kind: string, written: string): string | null {
  const text = written.startsWith('"') ? String(JSON.parse(written)) : written;
  if (kind === "DNS") return text.toLowerCase();
  return kind === "URI" || kind === "email" || kind === "IP Address" ? text : null;
}
