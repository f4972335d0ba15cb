FROM node:24-slim AS build
WORKDIR /parley
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build
# --legacy-peer-deps also removes packages that are only peers of others: Prisma's command line and TypeScript.
RUN npm prune --omit=dev --legacy-peer-deps --ignore-scripts --no-audit --no-fund

FROM node:24-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node /data
WORKDIR /parley
COPY --from=build /parley/package.json ./
COPY --from=build /parley/node_modules node_modules
COPY --from=build /parley/prisma/migrations prisma/migrations
COPY --from=build /parley/dist dist
ENV NODE_ENV=production DATA_DIR=/data
USER node
EXPOSE 4000
VOLUME /data
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "dist/api/commands/health.js"]
ENTRYPOINT ["tini", "--", "node", "--enable-source-maps", "--max-semi-space-size=32", "dist/api/main.js"]
