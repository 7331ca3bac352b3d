#!/usr/bin/env bash
# What a private Docker Engine needs besides its daemon: private-engine.sh DIRECTORY makes a network namespace for it that
# this machine reaches, says the pid that keeps it and the first half of its addresses ("1234 10.200"), and when nobody
# writes to its input any more it ends the engine in DIRECTORY with all that it holds: because the test is done with it,
# or because the test has died.
#
# A namespace of its own, because a daemon without the usual bridge removes "docker0" wherever it finds it, be it another
# engine's, and because with it goes whatever network a killed daemon left.
set -u
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../scripts/lib/common.sh"
directory=$1
trap '' INT
need ip iproute2 unshare util-linux >&2

# shellcheck disable=SC2016 # its own number
as_root unshare --net sh -c 'echo $$ >"$0"; exec sleep infinity' "$directory/keeper" </dev/null >/dev/null &
until [ -s "$directory/keeper" ]; do sleep 0.1; done
keeper=$(cat "$directory/keeper")
# shellcheck disable=SC2317 # called at the end
end_keeper() { as_root kill "$keeper"; }
at_end end_keeper
inside() { as_root nsenter --target "$keeper" --net "$@"; }

# Two at once must not take the same addresses.
exec 9<"${BASH_SOURCE[0]}"
flock 9
for n in $(seq 200 250); do
  network=10.$n
  if ! ip -4 -o addr | grep -qF "inet $network."; then break; fi
done
{
  as_root ip link add "rc$$" type veth peer name uplink netns "$keeper" &&
    as_root ip addr add "$network.128.1/30" dev "rc$$" && as_root ip link set "rc$$" up &&
    inside ip link set lo up && inside ip addr add "$network.128.2/30" dev uplink &&
    inside ip link set uplink up && inside ip route add default via "$network.128.1" &&
    inside sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward' &&
    as_root ip route add "$network.0.0/17" via "$network.128.2"
} >&2 || exit
exec 9>&-
printf '%s %s\n' "$keeper" "$network"

cat >/dev/null
export DOCKER_HOST="unix://$directory/docker.sock"
if docker version; then docker ps -aq | xargs -r docker rm -f -v; fi >/dev/null 2>&1
[ ! -e "$directory/pid" ] || as_root kill "$(as_root cat "$directory/pid")"
# Whoever it started has files below the directory in its arguments.
for _ in $(seq 50); do
  # shellcheck disable=SC2062 # these are the files, and the pattern is on the input
  left=$(printf '%s/\n' "$directory" | grep -lsaF --file=- -- /proc/[0-9]*/cmdline | cut -d / -f 3)
  [ -n "$left" ] || break
  sleep 0.2
done
[ -z "$left" ] || echo "$left" | as_root xargs kill -9
as_root rm -rf --one-file-system "$directory"
