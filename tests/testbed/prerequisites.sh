# shellcheck shell=bash
# Sourced by ./try and tests/run: what the machine has to have. Debian packages are installed where that takes no
# password; whatever else is missing is named, with the line that gets it.
packages=() missing=()

want() { # PACKAGE...: once each
  local package
  for package in "$@"; do
    [[ " ${packages[*]} " == *" $package "* ]] || packages+=("$package")
  done
}

need() { # PROGRAM PACKAGE...
  command -v "$1" >/dev/null || want "${@:2}"
}

need_c() {
  need cc gcc
  # Apart from the compiler on Debian: without it nothing can be linked.
  compgen -G '/usr/lib/*/libc.a' >/dev/null || want libc6-dev
}

need_python() {
  python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || want python3 python3-venv
}

at_least() { # VERSION OTHER: is OTHER as new as VERSION?
  [ "$(printf '%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]
}

need_rust() {
  local rust version
  # rustup's folder is on PATH only after the next login.
  command -v cargo >/dev/null || [ ! -x "$HOME/.cargo/bin/cargo" ] || PATH=$HOME/.cargo/bin:$PATH
  rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  if ! command -v cargo >/dev/null; then
    need curl curl ca-certificates
    missing+=("Rust $rust or newer (Debian's is older). Get it with: curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y")
  elif ! version=$(cargo --version 2>&1); then
    missing+=("a working Rust (cargo says: ${version%%$'\n'*}). Get it with: rustup default stable")
  elif ! at_least "$rust" "$(cut -d' ' -f2 <<<"$version")"; then
    missing+=("Rust $rust or newer (this is $version). Get it with: rustup update stable, or see https://rustup.rs")
  fi
}

need_component() { # NAME SUBCOMMAND: of cargo, once there is one
  ! cargo --version >/dev/null 2>&1 || cargo "$2" --version >/dev/null 2>&1 ||
    missing+=("$1. Get it with: rustup component add $1")
}

# Installs the packages, or names the line that does.
get_packages() {
  [ ${#packages[@]} -gt 0 ] || return 0
  local install="apt-get install -y --no-install-recommends ${packages[*]}" log
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing ${packages[*]}"
    log=$(mktemp)
    # shellcheck disable=SC2086 # words
    if ! { apt-get -qq update && DEBIAN_FRONTEND=noninteractive $install; } >"$log" 2>&1; then
      tail -5 "$log" >&2
      missing=("packages that could not be installed (see above): ${packages[*]}" "${missing[@]}")
    fi
    rm -f "$log"
  elif ! command -v apt-get >/dev/null; then
    missing=("what these packages of Debian hold: ${packages[*]}" "${missing[@]}")
  elif command -v sudo >/dev/null; then
    missing=("Debian packages. Get them with: sudo apt-get update && sudo $install" "${missing[@]}")
  else
    missing=("Debian packages. Get them with: su -c 'apt-get update && $install'" "${missing[@]}")
  fi
}

# Ends the script if anything is missing.
nothing_missing() { # NAME of the script
  [ ${#missing[@]} -gt 0 ] || return 0
  local one
  for one in "${missing[@]}"; do echo "$1: missing: $one" >&2; done
  echo "$1: get that, then run it again" >&2
  exit 1
}
