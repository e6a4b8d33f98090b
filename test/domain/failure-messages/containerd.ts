import type { PullFailureClass } from "../../../src/domain/prepull/failure-table.ts";

const IMAGE = "registry.test/sciplat/lab:w_2077_43@sha256:401403404429500";
const PULLING = `failed to pull and unpack image "${IMAGE}": `;
const RESOLVING = `${PULLING}failed to resolve reference "${IMAGE}": `;
const MANIFEST = "https://registry.test/v2/sciplat/lab/manifests/sha256:401403404429500";
const BLOB = "https://registry.test/v2/sciplat/lab/blobs/sha256:5005035";
const LAYER = "sha256:140b571c235813a8eb5ba7f5f474f8852eef0218d4e5efe99801351d4c76aa6b";
const EXTRACTING_1 = `${PULLING}failed to extract layer ${LAYER}: `;
const EXTRACTING_2 =
  `${PULLING}failed to extract layer (application/vnd.oci.image.layer.v1.tar+gzip ${LAYER}) to overlayfs as ` +
  `"extract-404403429-7389 ${LAYER}": `;
const SNAPSHOT = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots";

/** What containerd 1.2 to 2.x says through the kubelet, by who has to act. */
export const CONTAINERD: Partial<Record<PullFailureClass, readonly string[]>> = {
  "disk-full": [
    `${EXTRACTING_1}write /var/lib/containerd/tmpmounts/containerd-mount1/opt/x: no space left on device: unknown`,
    `${EXTRACTING_2}mount callback failed on /var/lib/containerd/tmpmounts/containerd-mount1: open /a: disk quota exceeded`,
    `${PULLING}failed to copy: write /var/lib/containerd/io.containerd.content.v1.content/ingest/1/data: no space left on device`,
    `${PULLING}failed to prepare extraction snapshot "extract-1 ${LAYER}": failed to create snapshot: mkdir ${SNAPSHOT}/new-1: no space left on device`,
  ],
  "node-runtime": [
    'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused"',
    'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing dial unix /run/k3s/containerd/containerd.sock: connect: no such file or directory"',
    "rpc error: code = Unavailable desc = error reading from server: EOF",
    "rpc error: code = Unavailable desc = error reading from server: read unix @->/run/containerd/containerd.sock: read: connection reset by peer",
    "rpc error: code = Unavailable desc = transport is closing",
    "connection error: dial unix /run/containerd/containerd.sock: connect: connection refused",
    'connection error: desc = "transport: error while dialing: open //./pipe/containerd-containerd: The system cannot find the file specified."',
    "rpc error: code = Unimplemented desc = unknown service runtime.v1.ImageService",
    "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (17000000 vs. 16777216)",
    `rpc error: code = NotFound desc = ${PULLING}failed to prepare extraction snapshot "extract-795119289-7389 ${LAYER}": parent snapshot ${LAYER} does not exist: not found`,
    `${PULLING}failed to unpack image on snapshotter overlayfs: failed to prepare extraction snapshot "extract-814557379-Dsfj ${LAYER}": failed to stat parent: stat ${SNAPSHOT}/112/fs: no such file or directory`,
    `${PULLING}failed to unpack image on snapshotter devmapper: snapshotter devmapper was not found: not found`,
    `${PULLING}failed to prepare extraction snapshot "extract-1 ${LAYER}": failed to create snapshot: missing parent "k8s.io/12/${LAYER}" bucket: not found`,
    `rpc error: code = NotFound desc = ${PULLING}lease "4e2a9f": not found`,
    `rpc error: code = NotFound desc = ${EXTRACTING_1}failed to get reader from content store: content digest ${LAYER}: not found`,
    `rpc error: code = NotFound desc = ${EXTRACTING_1}failed to get reader from content store: blob ${LAYER} expected at /var/lib/containerd/io.containerd.content.v1.content/blobs/sha256/9e2f: blob not found: not found`,
    `${PULLING}content digest ${LAYER}: not found`,
    `rpc error: code = Unavailable desc = ${PULLING}failed to copy: failed to open writer: ref layer-${LAYER} locked for 2m1s (since 2077-10-23 10:00:00 +0000 UTC): unavailable`,
    `${EXTRACTING_1}failed to mount /var/lib/containerd/tmpmounts/containerd-mount788433525: input/output error: unknown`,
    `${EXTRACTING_1}operation not permitted: unknown`,
    `${EXTRACTING_1}exec: "unpigz": executable file not found in $PATH: unknown`,
    `${EXTRACTING_1}hcsshim::ImportLayer failed in Win32: The system cannot find the path specified. (0x3): unknown`,
    `${PULLING}lease does not exist: not found`,
    'failed to dial "/run/containerd/containerd.sock": context deadline exceeded',
    `${EXTRACTING_1}open ${SNAPSHOT}/7/fs/x: read-only file system`,
    `${EXTRACTING_2}mount callback failed on /var/lib/containerd/tmpmounts/containerd-mount1: failed to Lchown "/home/jovyan" for UID 1000660001, GID 1000660001: lchown /home/jovyan: invalid argument (Hint: try increasing the number of subordinate IDs in /etc/subuid and /etc/subgid): unknown`,
    `${PULLING}failed commit on ref "layer-${LAYER}": commit failed: rename /var/lib/containerd/io.containerd.content.v1.content/ingest/9/data /var/lib/containerd/io.containerd.content.v1.content/blobs/sha256/1: no such file or directory`,
    `${EXTRACTING_1}fork/exec /usr/bin/unpigz: cannot allocate memory`,
    "mkdir /var/lib/containerd/io.containerd.content.v1.content/ingest/1: permission denied",
    `${PULLING}failed to start transaction: open /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/metadata.db: structure needs cleaning`,
  ],
  "registry-rate-limited": [
    `${RESOLVING}unexpected status from HEAD request to ${MANIFEST}: 429 Too Many Requests`,
    `${PULLING}failed to copy: httpReadSeeker: failed open: unexpected status code ${BLOB}: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit`,
    `${RESOLVING}failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://auth.test/token?scope=x: 429 Too Many Requests`,
  ],
  "image-unusable": [
    `rpc error: code = NotFound desc = ${PULLING}no match for platform in manifest: not found`,
    `${PULLING}no match for platform in manifest ${LAYER}: not found`,
    `rpc error: code = FailedPrecondition desc = ${PULLING}failed commit on ref "layer-${LAYER}": "layer-${LAYER}" failed size validation: 25165824 != 18802122: failed precondition`,
    `${PULLING}failed commit on ref "manifest-${LAYER}": unexpected commit digest sha256:ab, expected sha256:cd: failed precondition`,
    `${EXTRACTING_1}unexpected EOF: unknown`,
    `${EXTRACTING_2}mount callback failed on /var/lib/containerd/tmpmounts/containerd-mount1: unexpected EOF: unknown`,
    `${PULLING}wrong diff id ${LAYER} calculated on extraction "sha256:cd", desc "sha256:ef"`,
    `${EXTRACTING_1}mount callback failed on /var/lib/containerd/tmpmounts/containerd-mount1: archive/tar: invalid tar header: unknown`,
    `${EXTRACTING_1}failed to get stream processor for application/vnd.docker.image.rootfs.diff.tar.zstd: no processor for media-type: unknown`,
    `${PULLING}failed to unpack image on snapshotter overlayfs: mismatched image rootfs and manifest layers`,
    `${PULLING}number of layers and diffIDs don't match: 3 != 2`,
    `rpc error: code = InvalidArgument desc = ${PULLING}not implemented: media type "application/vnd.docker.distribution.manifest.v1+prettyjws" is no longer supported since containerd v2.1, please rebuild the image as "application/vnd.docker.distribution.manifest.v2+json"`,
    `${PULLING}schema 1 image manifests are no longer supported: invalid argument`,
    `${PULLING}unable to fetch descriptor (${LAYER}) which reports content size of zero: invalid argument`,
    `${EXTRACTING_1}mount callback failed on /x: lstat /x/home/jovyan/.gem/specs/api.rubygems.org%443: not a directory: unknown`,
    `${PULLING}image verifier bindir blocked pull of ${IMAGE} with digest ${LAYER} for reason: rejected`,
    `${EXTRACTING_1}exit status 1: unpigz: skipping: <stdin>: corrupted -- crc32 mismatch: unknown`,
  ],
  "registry-untrusted": [
    `${RESOLVING}failed to do request: Head "${MANIFEST}": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    `${RESOLVING}failed to do request: Head "${MANIFEST}": x509: certificate has expired or is not yet valid: current time 2077-10-23T00:00:00Z is after 2077-01-01T00:00:00Z`,
    `${RESOLVING}failed to do request: Head "${MANIFEST}": http: server gave HTTP response to HTTPS client`,
    `${RESOLVING}failed to do request: Head "${MANIFEST}": remote error: tls: handshake failure`,
  ],
  network: [
    `${RESOLVING}failed to do request: Head "${MANIFEST}": dial tcp: lookup registry-429.test on 10.96.0.10:53: no such host`,
    `${RESOLVING}failed to do request: Head "${MANIFEST}": dial tcp: lookup registry.test: Temporary failure in name resolution`,
    `${RESOLVING}failed to do request: Head "${MANIFEST}": dial tcp: lookup registry.test on 127.0.0.53:53: server misbehaving`,
    `${RESOLVING}failed to do request: Head "${MANIFEST}": dial tcp 10.0.0.1:443: i/o timeout`,
    `${RESOLVING}failed to do request: Head "${MANIFEST}": dial tcp 10.0.0.1:443: connect: connection refused`,
    `${RESOLVING}failed to do request: Head "${MANIFEST}": dial tcp 10.0.0.1:443: connect: no route to host`,
    `${RESOLVING}failed to do request: Head "${MANIFEST}": net/http: TLS handshake timeout`,
    `${RESOLVING}failed to do request: Head "${MANIFEST}": proxyconnect tcp: dial tcp: lookup proxy.corp.test on 10.0.0.2:53: no such host`,
    `${RESOLVING}failed to do request: Head "${MANIFEST}": Proxy Authentication Required`,
    `rpc error: code = DeadlineExceeded desc = ${RESOLVING}failed to authorize: failed to fetch anonymous token: Get "https://auth.test/token?scope=repository%3Alibrary%2Fredis%3Apull&service=registry": dial tcp 199.96.62.75:443: i/o timeout`,
    `${PULLING}failed to copy: httpReadSeeker: failed open: failed to do request: Get "${BLOB}": read tcp 192.168.8.32:46604->104.18.123.25:443: read: connection reset by peer`,
    `${PULLING}failed to copy: read tcp 192.168.16.6:35464->104.18.122.25:443: read: connection timed out`,
  ],
  "registry-denied": [
    `${RESOLVING}unexpected status from HEAD request to ${MANIFEST}: 401 Unauthorized`,
    `${RESOLVING}unexpected status from HEAD request to ${MANIFEST}: 403 Forbidden`,
    `${RESOLVING}unexpected status from HEAD request to ${MANIFEST}: 412 Precondition Failed`,
    `${RESOLVING}failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized`,
    `${RESOLVING}failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://auth.test/token: 400 Bad Request`,
    `${RESOLVING}pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`,
    `${RESOLVING}pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`,
    `${RESOLVING}failed to handle basic auth because missing username or secret`,
    `${RESOLVING}no scope specified for token auth challenge`,
    `${PULLING}failed to copy: httpReadSeeker: failed open: unexpected status code ${BLOB}: 403 Forbidden`,
  ],
  "image-not-found": [
    `rpc error: code = NotFound desc = ${RESOLVING}${IMAGE}: not found`,
    `${RESOLVING}unexpected status from HEAD request to ${MANIFEST}: 404 Not Found`,
    `rpc error: code = NotFound desc = ${PULLING}failed to copy: httpReadSeeker: failed open: content at ${BLOB} not found: not found`,
    `${PULLING}could not fetch content descriptor ${LAYER} (application/vnd.oci.image.layer.v1.tar+gzip) from remote: not found`,
  ],
  "registry-unavailable": [
    `${RESOLVING}unexpected status from HEAD request to ${MANIFEST}: 503 Service Unavailable`,
    `${PULLING}failed to copy: httpReadSeeker: failed open: unexpected status code ${BLOB}: 400 Bad Request`,
    `${RESOLVING}failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://auth.test/token: 502 Bad Gateway`,
    `${RESOLVING}failed to authorize: failed to fetch anonymous token: Get "https://auth.docker.io/token?scope=x": EOF`,
    `${PULLING}failed to copy: httpReadSeeker: failed open: context canceled`,
    `${PULLING}failed to read expected number of bytes: unexpected EOF`,
    `${PULLING}short read: expected 9113 bytes but got 0: unexpected EOF`,
    `rpc error: code = NotFound desc = ${PULLING}failed to unpack image on snapshotter overlayfs: unexpected media type text/html for ${LAYER}: not found`,
    `rpc error: code = DeadlineExceeded desc = ${PULLING}context deadline exceeded`,
    `${RESOLVING}failed to do request: Head "${MANIFEST}": stopped after 10 redirects`,
  ],
};
