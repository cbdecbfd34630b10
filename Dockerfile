# Two images from one file.
#   slipway       the static binary alone
#   slipway-scan  the binary with Trivy and Bandit. The last stage, because the Actions runner builds a
#                 Dockerfile action without --target, and this image can serve all five actions.
# Both run as root without a WORKDIR, as the runner asks of container actions:
# https://docs.github.com/actions/reference/dockerfile-support-for-github-actions
# The legacy builder has to take this file too: no RUN --mount, no COPY --chmod, no syntax line.

# A release pins these three by digest (--build-arg NAME=image:tag@sha256:…).
ARG RUST_IMAGE=rust:1.95-bookworm
# Debian 13: its CPython 3.13 parses the newest Python that can be pinned here.
ARG DEBIAN_IMAGE=debian:trixie-slim
ARG TRIVY_IMAGE=ghcr.io/aquasecurity/trivy:0.76.0

# --- what both images share: CA bundle, host.conf, users, /tmp
FROM ${DEBIAN_IMAGE} AS root
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
COPY docker/make-root LICENSE /build/
RUN sh /build/make-root /rootfs

# --- the binary; dependencies are a layer of their own, rebuilt only when Cargo.toml or Cargo.lock change
FROM ${RUST_IMAGE} AS build
# `release`, or `fast`: the same shape in a fraction of the time, for tests.
ARG PROFILE=release
WORKDIR /src
ENV RUSTFLAGS="-C target-feature=+crt-static"
COPY Cargo.toml Cargo.lock ./
# Placeholders for every target that Cargo.toml names.
RUN mkdir src benches && touch src/lib.rs benches/fingerprint.rs && echo 'fn main() {}' >src/main.rs \
 && cargo build --locked --profile "$PROFILE" --target "$(uname -m)-unknown-linux-gnu" --bin slipway
COPY src src
# The placeholders are newer than the checkout: without the touch cargo would keep them.
RUN touch src/main.rs src/lib.rs \
 && cargo build --locked --profile "$PROFILE" --target "$(uname -m)-unknown-linux-gnu" --bin slipway \
 && cp "target/$(uname -m)-unknown-linux-gnu/$PROFILE/slipway" /slipway

FROM scratch AS slipway
COPY --from=root /rootfs /
COPY --from=build /slipway /usr/local/bin/slipway
ENV PATH=/usr/local/bin:/usr/bin
ENTRYPOINT ["/usr/local/bin/slipway"]
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="slipway" \
      org.opencontainers.image.description="Five GitHub actions for a whole delivery pipeline" \
      org.opencontainers.image.source="https://github.com/slipway-ci/slipway" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM ${TRIVY_IMAGE} AS trivy

# --- Bandit and the part of CPython that it needs
FROM ${DEBIAN_IMAGE} AS bandit
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
COPY docker/make-bandit docker/bandit-requirements.txt /build/
RUN sh /build/make-bandit /rootfs

FROM slipway AS slipway-scan
COPY --from=bandit /rootfs /
COPY --from=trivy /usr/local/bin/trivy /usr/local/bin/trivy
LABEL org.opencontainers.image.title="slipway-scan" \
      org.opencontainers.image.description="Five GitHub actions for a whole delivery pipeline, with Trivy and Bandit"
