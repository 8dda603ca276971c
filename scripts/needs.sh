# shellcheck shell=bash
# Sourced by the other scripts: what they need on the machine, installed only where it is missing.

say() { printf '\n== %s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 2
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -- "$@"; fi
}

# Collects the Debian packages whose probe fails: missing+=(…) unless the command succeeds.
missing=()
want() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}

has() { command -v "$1"; }
has_file() { compgen -G "$1"; }

install_missing() {
  [ "${#missing[@]}" -gt 0 ] || return 0
  has apt-get >/dev/null || die "needs these packages, and can install them only on Debian or Ubuntu: ${missing[*]}"
  [ "$(id -u)" -eq 0 ] || has sudo >/dev/null || die "needs root or sudo to install: ${missing[*]}"
  say "installing ${missing[*]}"
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
  missing=()
}

# To compile: aws-lc and SQLite want a C compiler, zlib-ng (through pingora) cmake and make.
want_build() {
  has cargo >/dev/null || die "needs a Rust toolchain (https://rustup.rs)"
  want gcc has cc
  want libc6-dev has_file '/usr/include/stdio.h'
  want make has make
  want cmake has cmake
}

# To test against what Doorward meets in the field: a browser, PostgreSQL, applications, an authenticator app.
want_test() {
  want_browser
  want postgresql has_file '/usr/lib/postgresql/*/bin/initdb'
  want oathtool has oathtool
  want python3-venv python3 -c 'import ensurepip, venv'
}

# Ubuntu has them only as snaps: install any chromedriver with its browser there, by hand, and it is used.
want_browser() {
  if ! has chromedriver >/dev/null; then
    missing+=(chromium chromium-driver)
  fi
}

# Python applications that tests put behind the gateway, in target/venv, exactly as tests/requirements.txt names them.
make_venv() {
  local stamp=target/venv/requirements.txt
  if cmp -s tests/requirements.txt "$stamp"; then return; fi
  say "installing tests/requirements.txt into target/venv"
  rm -rf target/venv
  python3 -m venv target/venv
  # Every package is named in the file, so nothing else may come along.
  target/venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r tests/requirements.txt
  cp tests/requirements.txt "$stamp"
}
