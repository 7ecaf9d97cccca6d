# One image for every role; docker-compose.yml says which one a container plays. Sources run through tsx, no build.
FROM node:20-slim

ENV NODE_ENV=production
WORKDIR /app

COPY package.json package-lock.json .npmrc ./
COPY packages packages
COPY apps apps
RUN npm ci --omit=dev --no-audit --no-fund && npm cache clean --force

# The data volume belongs to whom the roles run as.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
ENV SLUICE_DATA_DIR=/data
EXPOSE 8080
CMD ["node", "--import", "tsx", "apps/api/src/main.ts"]
