# flowctl in a container, for docker-compose.yml: any of its services, by the command's name. PostgreSQL is another container.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /flowctl
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/flowctl/target \
    SQLX_OFFLINE=true cargo build --release --locked --package cli && cp target/release/flowctl /usr/local/bin/flowctl

FROM debian:bookworm-slim
# tini: process 1 must reap what a task left behind. python3: python tasks.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --home-dir /var/lib/flowctl --shell /bin/bash flowctl \
    && install --directory --owner=flowctl /dags
COPY --from=build /usr/local/bin/flowctl /usr/local/bin/flowctl
USER flowctl
ENV FLOWCTL_HOME=/var/lib/flowctl FLOWCTL_DAGS_FOLDER=/dags
VOLUME /var/lib/flowctl
EXPOSE 8080
ENTRYPOINT ["tini", "--", "flowctl"]
CMD ["--help"]
