# Three stages: Node builds the pages, Rust the binary that embeds them, and a slim Debian serves. Data lies in the volume /data; nothing else is written.
#
#     docker build -t monobase .
#     docker run -p 8090:8090 -v monobase:/data monobase

FROM node:20-bookworm-slim AS pages
WORKDIR /build
COPY admin-ui/package.json admin-ui/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY admin-ui ./
RUN npm run build

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# .cargo/config.toml says what the bundled SQLite is compiled with.
COPY . .
COPY --from=pages /build/dist admin-ui/dist
# The empty data directory is made here, so that the volume gets its owner.
RUN cargo build --release --locked && mkdir /data

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin monobase
COPY --from=build /build/target/release/monobase /usr/local/bin/monobase
COPY --from=build --chown=monobase:monobase /data /data
COPY LICENSE /usr/share/doc/monobase/LICENSE
USER monobase
VOLUME /data
EXPOSE 8090
# A backtrace for each error that is only reported costs more than it tells.
ENV RUST_LIB_BACKTRACE=0
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD curl --fail --silent --output /dev/null http://127.0.0.1:8090/api/health || exit 1
ENTRYPOINT ["monobase"]
CMD ["serve", "--http", "0.0.0.0:8090", "--dir", "/data", "--publicDir", "/data/public"]
