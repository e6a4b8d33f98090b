# syntax=docker/dockerfile:1

# One exact version of Node for both stages: the one that package.json brings along for tests. Put its digest behind the
# tag (node:…@sha256:…) where your registry tells it.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

# What package-lock.json has locked, for production alone; no package may run a script of its own.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /opt/lab-images
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /opt/lab-images
COPY --from=dependencies /opt/lab-images/node_modules ./node_modules
COPY package.json ./
COPY bin ./bin
COPY proto ./proto
COPY src ./src
# A number, so that Kubernetes can tell that it is not root. Nothing of the above is writable for it.
USER 65532:65532
EXPOSE 50051 8080
# Without npm or a shell before it, so that the process gets the signals itself.
ENTRYPOINT ["node", "bin/lab-images.js"]
CMD ["serve", "--config", "/etc/lab-images/config.yaml"]
