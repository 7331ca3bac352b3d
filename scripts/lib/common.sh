# shellcheck shell=bash
# What demo, test and generate-noise share: installing what is missing, and nothing that is there.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Whoever runs us is used to its own directory: programs are named by their whole path.
node="$root/node_modules/.bin/node"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
# Without a terminal no colour.
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Runs a function when the script ends, however it ends; the newest first, and every one of them.
at_end() {
  ends=("$1" ${ends[@]+"${ends[@]}"})
  trap run_ends EXIT
}

run_ends() {
  local status=$? end
  trap - EXIT
  # Asked once more to stop, it still finishes.
  trap '' INT TERM
  set +e
  for end in "${ends[@]}"; do "$end"; done
  exit "$status"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    die "This needs root (or sudo) once: $*"
  fi
}

# Installs Debian packages: pairs of "command package"; those whose command is there are left alone.
need() {
  local missing=()
  while [ $# -gt 0 ]; do
    command -v "$1" >/dev/null || missing+=("$2")
    shift 2
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "Please install: ${missing[*]}"
  say "Installing ${missing[*]}"
  # The registry's package would start a service on port 5000 at once. We start our own, where we want it.
  local policy=/usr/sbin/policy-rc.d ours=no
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
    ours=yes
  fi
  local status=0
  as_root apt-get update -qq || status=$?
  [ $status -ne 0 ] || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || status=$?
  [ $ours = no ] || as_root rm -f $policy
  return $status
}

# The registry binary: REGISTRY_BIN, or one on the PATH, or Debian's.
need_registry() {
  [ -z "${REGISTRY_BIN:-}" ] || return 0
  command -v registry >/dev/null || need docker-registry docker-registry
}

# The project's own packages, Node 24 among them. Installed anew when package-lock.json has changed.
need_packages() {
  local stamp="$root/node_modules/.registry-cleanup-lock"
  if [ -x "$node" ] && cmp -s "$stamp" "$root/package-lock.json"; then return 0; fi
  command -v npm >/dev/null || die "Please install Node.js 20 or later with npm."
  say "Installing the project's packages"
  (cd "$root" && npm ci --no-audit --no-fund --loglevel=error) || return
  cp "$root/package-lock.json" "$stamp"
}
