import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { createCertificateAuthority, createSigningKey } from "./certificates.ts";

/** The addresses of one control plane, and the files that its programs are told of. */
export type Setup = {
  readonly folder: string;
  readonly etcdUrl: string;
  readonly apiServerPort: number;
  readonly apiServerUrl: string;
  readonly caPath: string;
  readonly caPem: string;
};

/** What differs from one control plane to another. */
export type ServerTuning = {
  readonly nodeGraceSeconds: number;
  readonly apiServerFlags: readonly string[];
};

/** A bearer token and the user and groups that the API server takes its holder for. */
export type StaticToken = {
  readonly token: string;
  readonly user: string;
  readonly group?: string;
};

const LOOPBACK = "127.0.0.1";

/** Below the range from which Linux takes ports for outgoing connections: nobody takes one while its server restarts. */
const FIRST_PORT = 20_000;
const PORT_COUNT = 10_000;

/** Chooses addresses, and writes certificates, keys and tokens into the folder. */
export async function prepareSetup(folder: string, tokens: readonly StaticToken[]): Promise<Setup> {
  const authority = createCertificateAuthority("lab-images test authority");
  const serving = authority.issueServerCertificate([LOOPBACK, "localhost"]);
  const signing = createSigningKey();
  const write = (name: string, text: string) => writeFile(join(folder, name), text, { mode: 0o600 });
  await Promise.all([
    write("ca.crt", authority.certificatePem),
    write("apiserver.crt", serving.certificatePem),
    write("apiserver.key", serving.privateKeyPem),
    write("service-accounts.key", signing.privateKeyPem),
    write("service-accounts.pub", signing.publicKeyPem),
    write("tokens.csv", tokens.map(tokenLine).join("")),
  ]);
  const apiServerPort = await freePort();
  return {
    folder,
    etcdUrl: `http://${LOOPBACK}:${await freePort()}`,
    apiServerPort,
    apiServerUrl: `https://${LOOPBACK}:${apiServerPort}`,
    caPath: join(folder, "ca.crt"),
    caPem: authority.certificatePem,
  };
}

/** etcd with one member, which never waits for the disk: its data is thrown away with the test. */
export function etcdArgs(setup: Setup): string[] {
  return [
    `--data-dir=${join(setup.folder, "etcd")}`,
    `--listen-client-urls=${setup.etcdUrl}`,
    `--advertise-client-urls=${setup.etcdUrl}`,
    `--listen-peer-urls=http://${LOOPBACK}:0`,
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

/**
 * kube-apiserver as a cluster set up by kubeadm has it: TLS, Node and RBAC authorisation, bound service-account
 * tokens, all default admission plugins and NodeRestriction. The `kubernetes` service gets no endpoints, since those
 * may not be loopback addresses.
 */
export function apiServerArgs(setup: Setup, tuning: ServerTuning): string[] {
  const file = (name: string) => join(setup.folder, name);
  return [
    `--etcd-servers=${setup.etcdUrl}`,
    `--bind-address=${LOOPBACK}`,
    `--advertise-address=${LOOPBACK}`,
    `--secure-port=${setup.apiServerPort}`,
    "--endpoint-reconciler-type=none",
    `--tls-cert-file=${file("apiserver.crt")}`,
    `--tls-private-key-file=${file("apiserver.key")}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    `--token-auth-file=${file("tokens.csv")}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-signing-key-file=${file("service-accounts.key")}`,
    `--service-account-key-file=${file("service-accounts.pub")}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    // Ends watches in order within this time; without it a graceful stop waits a minute for them.
    "--shutdown-watch-termination-grace-period=1s",
    ...tuning.apiServerFlags,
  ];
}

/** kube-controller-manager with its default controllers, each under its own service account. */
export function controllerManagerArgs(setup: Setup, kubeconfig: string, tuning: ServerTuning): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    "--secure-port=0",
    "--leader-elect=false",
    "--use-service-account-credentials=true",
    // The default of 20 requests a second makes the controllers take seconds to start.
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
    `--service-account-private-key-file=${join(setup.folder, "service-accounts.key")}`,
    `--root-ca-file=${setup.caPath}`,
    `--node-monitor-grace-period=${tuning.nodeGraceSeconds}s`,
    `--node-startup-grace-period=${tuning.nodeGraceSeconds}s`,
  ];
}

function tokenLine({ token, user, group }: StaticToken): string {
  return `${[token, user, user, ...(group ? [group] : [])].join(",")}\n`;
}

async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
    if (await isFree(port)) {
      return port;
    }
  }
  throw new Error(`No free port from ${FIRST_PORT} on`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)));
  });
}
