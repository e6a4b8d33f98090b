import type { PullFailureClass } from "../../../src/domain/prepull/failure-table.ts";

const DAEMON = "rpc error: code = Unknown desc = Error response from daemon: ";
const TAR = "failed to register layer: Error processing tar file(exit status 1): ";

/** What Docker says through dockershim and cri-dockerd, by who has to act. */
export const DOCKER: Partial<Record<PullFailureClass, readonly string[]>> = {
  "disk-full": [
    `${DAEMON}${TAR}write /opt/conda/lib/libtorch.so: no space left on device`,
    `${DAEMON}failed to register layer: ApplyLayer exit status 1 stdout:  stderr: mkdir /home/jovyan/.npm: no space left on device`,
    `${DAEMON}devmapper: Thin Pool has 1142 free data blocks which is less than minimum required 163840 free data blocks. Create more free space in thin pool or use dm.min_free_space option to change behavior`,
    `${DAEMON}failed to register layer: re-exec error: exit status 1: output: write \\\\?\\C:\\x: There is not enough space on the disk.`,
  ],
  "node-runtime": [
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    `${DAEMON}failed to register layer: ApplyLayer fork/exec /proc/self/exe: cannot allocate memory stdout:  stderr: `,
    `${DAEMON}${TAR}write /usr/lib/python3/x.py: input/output error`,
    `${DAEMON}error creating overlay mount to /var/lib/docker/overlay2/abc/merged: device or resource busy`,
    `${DAEMON}error creating temporary lease: write /var/lib/desktop-containerd/daemon/io.containerd.metadata.v1.bolt/meta.db: input/output error`,
  ],
  "registry-rate-limited": [
    `${DAEMON}toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit`,
    `${DAEMON}toomanyrequests: Quota exceeded for quota metric 'Requests per project per region' and limit 'Requests per project per region per minute per region'`,
  ],
  "image-unusable": [
    `${DAEMON}no matching manifest for linux/arm64/v8 in the manifest list entries`,
    `${DAEMON}no matching manifest for windows/amd64 10.0.19044 in the manifest list entries: no match for platform in manifest: not found`,
    `${DAEMON}image operating system "windows" cannot be used on this platform`,
    `${DAEMON}cannot download image with operating system "windows" when requesting "linux"`,
    `${DAEMON}a Windows version 10.0.17763-based image is incompatible with a 10.0.14393 host`,
    `${DAEMON}${TAR}archive/tar: invalid tar header`,
    `${DAEMON}failed to register layer: ApplyLayer exit status 1 stdout:  stderr: unexpected EOF`,
    `${DAEMON}failed to register layer: exit status 22: unpigz: abort: zlib version less than 1.2.3`,
    `${DAEMON}unsupported compression format for layer: zstd`,
    `${DAEMON}filesystem layer verification failed for digest sha256:c3d73fc284d6c3350a83cd5125af8af011a5aa426368b6619fab1a85234cad92`,
    `${DAEMON}layers from manifest don't match image configuration`,
    `${DAEMON}failed to register layer: max depth exceeded`,
    `${DAEMON}missing signature key`,
    `${DAEMON}Encountered remote "application/vnd.cncf.helm.config.v1+json"(unknown) when fetching: encountered unknown type application/vnd.cncf.helm.config.v1+json; children may not be fetched`,
  ],
  "registry-untrusted": [
    `${DAEMON}Get https://registry.test/v2/: x509: certificate is valid for other.test, not registry.test`,
    `${DAEMON}Get "https://registry.test:5000/v2/": http: server gave HTTP response to HTTPS client`,
    `${DAEMON}Get https://registry.test/v2/: remote error: tls: bad certificate`,
  ],
  network: [
    `${DAEMON}Get https://registry-1.docker.io/v2/: net/http: TLS handshake timeout`,
    `${DAEMON}Get https://registry-1.docker.io/v2/: net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)`,
    `${DAEMON}Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io on 127.0.0.53:53: server misbehaving`,
    `${DAEMON}Get https://registry.test/v2/: proxyconnect tcp: dial tcp 10.0.0.3:3128: connect: connection refused`,
    `${DAEMON}error pulling image configuration: download failed after attempts=6: dial tcp 10.0.0.1:443: i/o timeout`,
    `${DAEMON}Get "https://us-docker.pkg.test/v2/lab/manifests/sha256:39c5": read tcp 10.183.231.70:43720->142.251.163.82:443: read: connection reset by peer`,
  ],
  "registry-denied": [
    `${DAEMON}pull access denied for sciplat/lab, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
    `${DAEMON}Get https://registry.test/v2/lab/manifests/w_1: unauthorized: authentication required`,
    `${DAEMON}Get https://1.dkr.ecr.test/v2/lab/manifests/w_1: no basic auth credentials`,
    `${DAEMON}Get https://1.dkr.ecr.test/v2/lab/manifests/w_1: denied: Your authorization token has expired. Reauthenticate and try again.`,
    `${DAEMON}error parsing HTTP 403 response body: invalid character '<' looking for beginning of value: "<html>no</html>"`,
    `${DAEMON}unknown: current image with 86 vulnerabilities cannot be pulled due to configured policy in 'Prevent images with vulnerability severity of "Medium" or higher from running.'`,
    `${DAEMON}unauthorized: unauthorized to access repository: sciplat/lab, action: pull: unauthorized to access repository: sciplat/lab, action: pull`,
    `${DAEMON}denied: Permission 'artifactregistry.repositories.downloadArtifacts' denied on resource (or it may not exist)`,
    `${DAEMON}denied: permission_denied: The token provided does not match expected scopes.`,
  ],
  "image-not-found": [
    `${DAEMON}manifest for lachlanevenson/k8s-kubectl:v1.18.20 not found: manifest unknown: manifest unknown`,
    `${DAEMON}manifest for sciplat/forbidden-timeout-503:denied not found: manifest unknown: The named manifest is not known to the registry.`,
    `${DAEMON}unknown blob`,
  ],
  "registry-unavailable": [
    `${DAEMON}received unexpected HTTP status: 500 Internal Server Error`,
    `${DAEMON}error parsing HTTP 408 response body: invalid character '<' looking for beginning of value: "<html></html>"`,
    `${DAEMON}Get https://registry.test/v2/: context deadline exceeded`,
    "rpc error: code = Unknown desc = context deadline exceeded",
    `${DAEMON}stream error: stream ID 5; INTERNAL_ERROR; received from peer`,
    `${DAEMON}Get https://registry.test/v2/: EOF`,
  ],
};
