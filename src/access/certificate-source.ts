import type { Alerts, Clock, Logger } from "../ports.ts";
import { readTlsFiles, type TlsFiles, type TlsMaterial } from "./tls-files.ts";

/** Certificates of a server, read again when their files change. */
export interface CertificateSource {
  /** Content of the last good files. */
  current(): TlsMaterial;
  /** Calls `listener` with each new content. */
  onChange(listener: (material: TlsMaterial) => void): void;
  stop(): void;
}

/** Configuration and collaborators of a CertificateSource. */
export interface CertificateSourceDeps {
  /** Key of the configuration that names the files, such as `grpc.tls`. */
  readonly key: string;
  readonly files: TlsFiles;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly alerts: Alerts;
  /** Observes the end of a certificate's validity, in ms since the epoch. */
  readonly observeNotAfter: (file: string, notAfterMs: number) => void;
}

/** Interval of reads in ms: swapped links, renamed and rewritten files are all noticed by their content. */
const RELOAD_INTERVAL_MS = 10_000;
/** Delay in ms of the second read after one that failed: a certificate and its key are two files. */
const RETRY_MS = 1_000;

/**
 * Follows the files of a server's certificates. A pair that is half replaced, or gone, leaves the last good one in force and
 * raises an alert when a second read fails too; the next good one resolves it (docs/spec/faults.md G8). Rejects with a
 * TlsFileError where the files cannot be used at the start.
 */
export async function openCertificates(deps: CertificateSourceDeps): Promise<CertificateSource> {
  const { key, files, clock, logger, alerts, observeNotAfter } = deps;
  const alertKey = `tls:${key}`;
  const listeners: ((material: TlsMaterial) => void)[] = [];
  let current = await readTlsFiles(files);
  let failures = 0;
  let isStopped = false;
  let cancel: () => void = () => undefined;

  function report(message: string): void {
    observeNotAfter(`${key}.certFile`, current.notAfterMs);
    logger.info({ key, notAfter: new Date(current.notAfterMs).toISOString() }, message);
  }

  function accept(material: TlsMaterial): void {
    if (material.fingerprint === current.fingerprint) return;
    current = material;
    report("certificates reloaded");
    for (const listener of listeners) listener(material);
  }

  async function reload(): Promise<void> {
    try {
      accept(await readTlsFiles(files));
      if (failures > 1) alerts.clear(alertKey, "the files can be used again");
      failures = 0;
    } catch (error) {
      failures += 1;
      const reason = error instanceof Error ? error.message : String(error);
      const message = `${key}: the certificate files cannot be used, the previous ones stay in force: ${reason}`;
      if (failures > 1) alerts.raise({ key: alertKey, message, details: { key } });
    }
    schedule(failures === 1 ? RETRY_MS : RELOAD_INTERVAL_MS);
  }

  function schedule(delayMs: number): void {
    if (!isStopped) cancel = clock.schedule(delayMs, () => void reload());
  }

  report("certificates loaded");
  schedule(RELOAD_INTERVAL_MS);
  return {
    current: () => current,
    onChange: (listener) => void listeners.push(listener),
    stop() {
      isStopped = true;
      cancel();
    },
  };
}
