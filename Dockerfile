# One image for both processes: the webhook (default command) and the sentinel-probe (node dist/probe/main.js).
FROM node:24-bookworm-slim AS build
WORKDIR /app
# Where the build has no network (local/images), npm is pointed at a cache by this; otherwise it stays empty.
ARG NPM_FLAGS=""
COPY package.json package-lock.json .npmrc ./
# Before the sources: both layers stay cached until a dependency changes.
# Half of what packages bring is for people and compilers.
RUN npm ci --omit=dev $NPM_FLAGS && find node_modules -type f '(' -name '*.map' -o -name '*.ts' -o -name '*.[cm]ts' -o -name '*.md' ')' -delete && mv node_modules /production
RUN npm ci $NPM_FLAGS
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /production node_modules
COPY package.json ./
COPY --from=build /app/dist dist
USER 1000
EXPOSE 8080 9090
CMD ["node", "dist/operator/main.js"]
