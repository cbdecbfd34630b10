# shellcheck shell=bash disable=SC2034 # what the scripts beside it use is used there
# Sourced by the scripts beside it: where the test bed's own Docker lives, and its client.
#   SLIPWAY_TESTBED  the test bed's state folder (default: slipway-testbed in the user's cache folder)
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(cd "$HERE/../../.." && pwd)
STATE=${SLIPWAY_TESTBED:-${XDG_CACHE_HOME:-$HOME/.cache}/slipway-testbed}
DOCKER_STATE=$STATE/docker
SOCKET=$DOCKER_STATE/docker.sock
PIDFILE=$DOCKER_STATE/docker.pid
LOG=$DOCKER_STATE/dockerd.log

# Debian's client knows BuildKit without a plugin; another `docker` earlier on PATH may not.
if [ -x /usr/bin/docker ]; then DOCKER=/usr/bin/docker; else DOCKER=docker; fi
export DOCKER_HOST=unix://$SOCKET
# The user's own client settings (credential helpers, proxies, contexts) are no part of a test.
export DOCKER_CONFIG=$DOCKER_STATE/config
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH

docker() { command "$DOCKER" "$@"; }
die() { echo "${0##*/}: $*" >&2; exit 1; }
say() { echo "${0##*/}: $*" >&2; }

# Is the daemon of our pid file alive, and is it a dockerd?
daemon_pid() {
  local pid
  pid=$(cat "$PIDFILE" 2>/dev/null) || return 1
  [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] && echo "$pid"
}

# Installs Debian packages if a program of theirs is missing: need PROGRAM PACKAGE...
need() {
  local program=$1; shift
  command -v "$program" >/dev/null 2>&1 && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then die "$program is missing. As root: apt-get install $*"; fi
  say "installing $*"
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq install -y --no-install-recommends "$@"; } \
    >"${TMPDIR:-/tmp}/slipway-apt.$$" 2>&1 || { tail -5 "${TMPDIR:-/tmp}/slipway-apt.$$" >&2; die "could not install $*"; }
  rm -f "${TMPDIR:-/tmp}/slipway-apt.$$"
}
