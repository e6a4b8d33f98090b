# syntax=docker/dockerfile:1

# One exact version of Node for all stages: the one that package.json brings along for tests. Put its digest behind the
# tag (node:…@sha256:…) where your registry tells it.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

# What package-lock.json has locked, for production alone; no package may run a script of its own.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /opt/lab-images
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

# The program, with what Node makes of it kept beside it: a start is twice as fast then, and loads no compiler for types.
# Node looks for it under the user that it runs as. It is copied as the root's, so that nobody else can change it.
FROM ${NODE_IMAGE} AS program
ENV NODE_ENV=production
WORKDIR /opt/lab-images
COPY --from=dependencies /opt/lab-images/node_modules ./node_modules
COPY package.json ./
COPY bin ./bin
COPY proto ./proto
COPY src ./src
RUN mkdir node_modules/.cache && chown 65532:65532 node_modules/.cache
USER 65532:65532
RUN node bin/warm-up.js && chmod -R a+rX,a-w node_modules/.cache/lab-images

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
# So that glibc gives back what a burst of buffers has taken: it would keep 70 MB of pieces otherwise (docs/limits.md).
ENV MALLOC_MMAP_THRESHOLD_=32768 MALLOC_TRIM_THRESHOLD_=131072
WORKDIR /opt/lab-images
COPY --from=program --chown=0:0 /opt/lab-images ./
# A number, so that Kubernetes can tell that it is not root. Nothing of the above is writable for it.
USER 65532:65532
EXPOSE 50051 8080
# Without npm or a shell before it, so that the process gets the signals itself.
ENTRYPOINT ["node", "bin/lab-images.js"]
CMD ["serve", "--config", "/etc/lab-images/config.yaml"]
