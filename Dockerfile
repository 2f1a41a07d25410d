# One build, three small images: docker build --target producer . and the same with consumer or gallery.

FROM node:24-bookworm-slim AS build
WORKDIR /src
ENV CI=true COREPACK_ENABLE_DOWNLOAD_PROMPT=0 npm_config_store_dir=/pnpm-store
COPY . .
# deploy copies an app with its production dependencies, in the versions of the lock file. pnpm wants injected
# workspace packages for that; none is left at run time, because the apps' bundles contain them.
RUN --mount=type=cache,target=/pnpm-store \
    corepack pnpm install --frozen-lockfile && \
    corepack pnpm --filter @image-stream/producer --filter @image-stream/consumer --filter @image-stream/gallery build && \
    for app in producer consumer gallery; do \
      corepack pnpm --filter "@image-stream/$app" deploy --prod --config.inject-workspace-packages=true \
        "/deploy/$app" || exit 1; \
    done

FROM node:24-bookworm-slim AS runtime
ENV NODE_ENV=production
WORKDIR /app
ENTRYPOINT ["node", "/app/dist/main.js"]

FROM runtime AS producer
COPY --from=build /deploy/producer/package.json ./
COPY --from=build /deploy/producer/node_modules ./node_modules
COPY --from=build /deploy/producer/dist ./dist
USER node

FROM runtime AS consumer
# V8 counts images against the size of its small heap; so it collects garbage less often.
ENTRYPOINT ["node", "--heap-growing-percent=500", "/app/dist/main.js"]
# A new volume that is mounted here takes over the owner.
RUN install --directory --owner=node --group=node /app/output
COPY --from=build /deploy/consumer/package.json ./
COPY --from=build /deploy/consumer/node_modules ./node_modules
COPY --from=build /deploy/consumer/dist ./dist
USER node

FROM runtime AS gallery
COPY --from=build /deploy/gallery/package.json ./
COPY --from=build /deploy/gallery/node_modules ./node_modules
COPY --from=build /deploy/gallery/dist ./dist
USER node
