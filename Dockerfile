# syntax=docker/dockerfile:1

FROM node:22-bookworm-slim AS page
WORKDIR /src
COPY api api
COPY scripts/web scripts/web
COPY web web
RUN scripts/web

FROM golang:1.26-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgdal-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=page /src/web/dist/page web/dist/page
ARG VERSION=dev
RUN VERSION="$VERSION" scripts/build

# The database is another container's: no PostgreSQL here, DATABASE_URL is
# needed.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap ca-certificates libgdal32 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /var/lib/gengheng --shell /usr/sbin/nologin gengheng
COPY --from=build /src/bin/gengheng /src/bin/gengheng-gdal /usr/local/bin/
USER gengheng
ENV GENGHENG_DATA=/var/lib/gengheng
VOLUME /var/lib/gengheng
EXPOSE 8080
ENTRYPOINT ["gengheng"]
CMD ["serve", "--addr", "0.0.0.0:8080"]
