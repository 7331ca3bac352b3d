# shellcheck shell=bash
# A Docker Engine for the tests, and the images that they need on it: the engine that answers, or one of our own. At the
# end nothing of it is left. scripts/lib/common.sh comes before.

# shellcheck source=test/e2e/support/images.sh
. "$root/test/e2e/support/images.sh"

engine_missing='' # why there is none
own_engine=''     # directory of our own one
own_bridge=''
own_network=''
own_rule=()
own_cgroups=no
own_images=()
images_before=''
build='' # pid of the build
build_log=''

# Finds or starts an engine, and exports DOCKER_HOST. Fails, with the reason in engine_missing, where neither is possible.
need_engine() {
  engine_missing='Docker Engine and Compose are not there, and cannot be installed'
  (need docker docker.io docker-compose docker-compose && need docker docker-cli) || return 1
  # Some tests kill an engine, one of their own. Where there is no daemon to be had, those fail and say so.
  (need dockerd docker.io unshare util-linux) || true
  # The tests mount files of this machine, so it has to be an engine on it.
  local host=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)}
  if [[ $host == unix://* ]] && engine_answers "$host"; then
    say "Docker Engine at $host"
  else
    start_engine || return
    host="unix://$own_engine/docker.sock"
  fi
  # The second for docker-compose.yml.
  export DOCKER_HOST=$host DOCKER_SOCKET=${host#unix://}
}

engine_answers() {
  DOCKER_HOST=$1 timeout 20 docker version >/dev/null 2>&1
}

# Shares nothing with another engine on this machine: it has a bridge and addresses of its own, and leaves packet filters
# alone. So its containers reach each other and this machine, but nothing outside.
start_engine() {
  engine_missing='no Docker Engine answers, and none can be installed'
  (need dockerd docker.io busybox busybox-static setsid util-linux) || return
  engine_missing='no Docker Engine answers, and only root can start one'
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || return
  say "Starting a Docker Engine"
  own_engine=$(mktemp -d "${TMPDIR:-/tmp}/registry-cleanup-engine-XXXXXX") || return
  # Who may use the socket is a matter of the socket.
  chmod 711 "$own_engine"
  at_end stop_engine
  engine_missing='no Docker Engine answers, and none can be started without the rights to mount cgroups and to add a bridge'
  mount_cgroups || return
  add_bridge || return
  # A session of its own: a Ctrl-C is for us, and the engine is stopped when we are done with it.
  as_root setsid dockerd --host "unix://$own_engine/docker.sock" --group "$(id -g)" --data-root "$own_engine/data" \
    --exec-root "$own_engine/exec" --pidfile "$own_engine/pid" --bridge "$own_bridge" --iptables=false \
    --ip-forward=false --ip-masq=false --default-address-pool "base=$own_network.0.0/17,size=24" \
    >"$own_engine/log" 2>&1 </dev/null &
  local starter=$!
  for _ in $(seq 150); do
    if engine_answers "unix://$own_engine/docker.sock"; then return 0; fi
    kill -0 "$starter" 2>/dev/null || break
    sleep 0.2
  done
  engine_missing='no Docker Engine answers, and one of our own does not start'
  printf 'The last lines of dockerd:\n' >&2
  tail -n 20 "$own_engine/log" >&2
  return 1
}

# Where nothing has mounted them (systemd would have).
mount_cgroups() {
  ! grep -q cgroup /proc/mounts || return 0
  (need cgroupfs-mount cgroupfs-mount) || return
  own_cgroups=yes
  as_root cgroupfs-mount
}

# A bridge, with addresses that nobody has here.
add_bridge() {
  local n
  for n in $(seq 200 250); do
    own_network=10.$n
    if ! busybox ip -4 addr | grep -qF "inet $own_network."; then break; fi
  done
  as_root busybox ip link add name "rcleanup$$" type bridge || return
  own_bridge=rcleanup$$
  as_root busybox ip addr add "$own_network.128.1/24" dev "$own_bridge" || return
  as_root busybox ip link set "$own_bridge" up || return
  # Another engine closes the machine to forwarding, and may have that go for what stays on a bridge, too.
  if as_root iptables -S FORWARD 2>/dev/null | grep -q -- '-P FORWARD DROP'; then
    own_rule=(FORWARD -s "$own_network.0.0/16" -d "$own_network.0.0/16" -j ACCEPT)
    as_root iptables -I "${own_rule[@]}"
  fi
}

stop_engine() {
  local pid
  local -x DOCKER_HOST="unix://$own_engine/docker.sock"
  if pid=$(as_root cat "$own_engine/pid" 2>/dev/null); then
    # With the networks go their bridges, which the engine would leave.
    docker ps -aq | xargs -r docker rm -f -v >/dev/null
    docker network ls -q --filter type=custom | xargs -r docker network rm >/dev/null
    end_process "$pid"
    if pid=$(as_root cat "$own_engine/exec/containerd/containerd.pid" 2>/dev/null); then end_process "$pid"; fi
  fi
  [ ${#own_rule[@]} -eq 0 ] || as_root iptables -D "${own_rule[@]}"
  [ -z "$own_bridge" ] || as_root busybox ip link del "$own_bridge"
  for _ in 1 2 3 4 5; do
    awk -v under="$own_engine/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r -n 1 umount -l
    if as_root rm -rf --one-file-system "$own_engine" 2>/dev/null; then break; fi
    sleep 1
  done
  [ ! -e "$own_engine" ] || printf 'Something of the Docker Engine is left: %s\n' "$own_engine" >&2
  if [ "$own_cgroups" = yes ]; then
    as_root cgroupfs-umount
    as_root umount /sys/fs/cgroup
  fi
}

# Ends it, and returns when it has.
end_process() {
  as_root kill "$1" 2>/dev/null || return 0
  for _ in $(seq 150); do
    as_root kill -0 "$1" 2>/dev/null || return 0
    sleep 0.2
  done
  as_root kill -9 "$1"
}

# Base images: those on the engine, else the real ones, else stand-ins. Where one cannot be pulled the others are not
# tried.
need_images() {
  local image pull=yes made=no
  at_end remove_images
  for image in $(base_images); do
    if docker image inspect "$image" >/dev/null 2>&1; then continue; fi
    own_images+=("$image")
    if [ $pull = yes ] && timeout 120 docker pull -q "$image" 2>/dev/null; then continue; fi
    pull=no
    if [ $made = no ]; then need_base_images; fi
    made=yes
    say "A stand-in for $image, which cannot be pulled"
    make_image "$image"
  done
}

# Our own image, by the name in REGISTRY_CLEANUP_IMAGE. The classic builder is the one that every engine has.
build_image() {
  export REGISTRY_CLEANUP_IMAGE=${REGISTRY_CLEANUP_IMAGE:-registry-cleanup:e2e}
  say "Building $REGISTRY_CLEANUP_IMAGE"
  build_log=$(mktemp)
  images_before=$(docker image ls -aq)
  own_images+=("$REGISTRY_CLEANUP_IMAGE")
  # In the background, so that a signal to us ends it, too.
  DOCKER_BUILDKIT=0 docker build --network host --force-rm -f "$root/compose/Dockerfile" -t "$REGISTRY_CLEANUP_IMAGE" "$root" \
    >"$build_log" 2>&1 &
  build=$!
  if wait $build; then return 0; fi
  cat "$build_log" >&2
  return 1
}

remove_images() {
  local image left
  if [ -n "$build" ] && kill "$build" 2>/dev/null; then wait "$build"; fi
  # With our own engine they go anyway. On another one the steps of the build go, too, unless they were there before.
  if [ -z "$own_engine" ]; then
    if [ -n "$build_log" ]; then
      for image in $(sed -n 's/^ ---> \([0-9a-f]\{12\}\)$/\1/p' "$build_log" | tac); do
        if ! grep -qF "$image" <<<"$images_before"; then own_images+=("$image"); fi
      done
    fi
    # An interrupted build still holds the last of them for a moment.
    for _ in $(seq 20); do
      left=no
      for image in "${own_images[@]}"; do
        docker image inspect "$image" >/dev/null 2>&1 || continue
        docker image rm "$image" >/dev/null 2>&1 || left=yes
      done
      [ "$left" = yes ] || break
      sleep 0.5
    done
  fi
  [ -z "$build_log" ] || rm -f "$build_log"
}
