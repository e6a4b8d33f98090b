import type { PullFailureClass } from "../../../src/domain/prepull/failure-table.ts";

const NAME = "registry.test/sciplat/lab";
const BLOB = "sha256:5c1b9e8d7bf7b758fa84807a6bce45e4af333e1ddd566b5972550b6fcfbed9b8";
const COPYING = "copying system image from manifest list: ";

/** What CRI-O says through the kubelet, by who has to act. */
export const CRI_O: Partial<Record<PullFailureClass, readonly string[]>> = {
  "disk-full": [
    'writing blob: storing blob to file "/var/tmp/container_images_storage1519539013/1": write /var/tmp/container_images_storage1519539013/1: no space left on device',
    `${COPYING}writing blob: adding layer with blob "${BLOB}": unpacking failed (error: exit status 1; output: write /opt/lsst/lib.so: no space left on device)`,
  ],
  "node-runtime": [
    'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /var/run/crio/crio.sock: connect: no such file or directory"',
    'committing the finished image: reading layer "5f70bf18a086" for blob "sha256:a3ed95ca": creating overlay mount to /var/lib/containers/storage/overlay/5f70bf18a086/merged, mount_data="": no such file or directory',
    'writing blob: adding layer with blob "sha256:1": creating read-write layer with ID "abc": Stat /var/lib/containers/storage/overlay/abc: no such file or directory',
    "committing the finished image: layer not known",
    "writing blob: adding layer: mount /var/lib/containers/storage/overlay:/x: device or resource busy",
  ],
  "registry-rate-limited": [
    `initializing source docker://${NAME}:w_1: reading manifest w_1 in ${NAME}: toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit`,
    `unable to pull image or OCI artifact: pull image err: initializing source docker://${NAME}:w_1: reading manifest w_1 in ${NAME}: too many requests to registry; artifact err: provide artifact: too many requests to registry`,
  ],
  "image-unusable": [
    `choosing an image from manifest list docker://${NAME}:w_1: no image found in manifest list for architecture "arm64", variant "v8", OS "linux"`,
    `choosing an image from manifest list docker://${NAME}:w_1: no image found in image index for architecture arm64, variant "v8", OS linux`,
    "Source image rejected: A signature was required, but no signature exists",
    `Source image rejected: Running image docker://${NAME}:w_1 is rejected by policy.`,
    `${COPYING}initializing image from source docker://${NAME}:w_1: unsupported docker v2s2 media type: "application/vnd.docker.image.rootfs.diff.tar.zstd"`,
    `writing blob: happened during read: Digest did not match, expected ${BLOB}, got sha256:3902e0f4`,
    `${COPYING}writing blob: adding layer with blob "${BLOB}": unpacking failed (error: exit status 1; output: unexpected EOF)`,
    'parsing image configuration: unsupported image-specific operation on artifact with type "application/vnd.cncf.helm.config.v1+json"',
    'short-name "lab:w_1" did not resolve to an alias and no unqualified-search registries are defined in "/etc/containers/registries.conf"',
  ],
  "registry-untrusted": [
    `initializing source docker://${NAME}:w_1: pinging container registry registry.test: Get "https://registry.test/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    `pinging docker registry returned: Get https://quay.io/v2/: x509: certificate has expired or is not yet valid`,
    "can't talk to a V1 container registry",
  ],
  network: [
    `initializing source docker://${NAME}:w_1: pinging container registry registry.test: Get "https://registry.test/v2/": dial tcp: lookup registry.test on 10.0.0.2:53: no such host`,
    'pinging container registry registry.test: Get "https://registry.test/v2/": dial tcp 10.0.0.1:443: connect: no route to host',
    'pinging container registry registry.test: Get "https://registry.test/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)',
    `reading blob ${BLOB}: Get "https://cdn.test/x?X-Amz-Signature=403": dial tcp 10.0.0.1:443: i/o timeout`,
  ],
  "registry-denied": [
    "unable to retrieve auth token: invalid username/password: unauthorized: authentication required",
    `initializing source docker://${NAME}:w_1: reading manifest w_1 in ${NAME}: unauthorized: access to the requested resource is not authorized`,
    `reading manifest w_1 in ${NAME}: errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required\n`,
    `initializing source docker://${NAME}:w_1: reading manifest w_1 in ${NAME}: StatusCode: 403, "<html>\\r\\n<head><title>403 Forbidden</title></head>"`,
    `(Mirrors also failed: [mirror.test/lab:w_1: pinging container registry mirror.test: Get "https://mirror.test/v2/": dial tcp 10.0.0.9:443: connect: connection refused]): ${NAME}:w_1: reading manifest w_1 in ${NAME}: denied: access forbidden`,
  ],
  "image-not-found": [
    `initializing source docker://${NAME}:w_1: reading manifest w_1 in ${NAME}: manifest unknown`,
    `reading manifest w_1 in ${NAME}: name unknown: The repository with name 'lab' does not exist in the registry`,
    `initializing source docker://${NAME}:w_1: reading manifest w_1 in ${NAME}: StatusCode: 404, "<html>nothing here</html>"`,
    `${COPYING}reading blob ${BLOB}: fetching blob: blob unknown to registry`,
  ],
  "registry-unavailable": [
    `initializing source docker://${NAME}:w_1: pinging container registry registry.test: received unexpected HTTP status: 503 Service Unavailable`,
    'pinging container registry registry.test: Get "https://registry.test/v2/": Internal Server Error',
    `unable to pull image or OCI artifact: pull image err: ${COPYING}writing blob: storing blob to file "/var/tmp/container_images_storage2488073217/1": happened during read: unexpected EOF (while reconnecting: Get "https://cdn01.quay.io/x?X-Amz-Algorithm=AWS4&Signature=401": EOF); artifact err: pull artifact: EOF`,
    "happened during read: (heuristic tuning data: total 2097152 @1240.448 ms, last retry 2097152 @0.104 ms, last progress @ 1190.166 ms): unexpected EOF",
  ],
};
