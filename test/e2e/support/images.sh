# shellcheck shell=bash
# Base images for the tests, made on the engine at DOCKER_HOST from what Debian and npm provide: where no image can be
# pulled, these stand where the Dockerfile and the Compose files name the official ones. What matters here is laid out
# as in those: paths, entrypoint, default command, volumes, ports, environment. scripts/lib/common.sh comes before.

# The images that can be made, by the names that the Dockerfile and Compose files use. registry:3 only where there is a
# 3.x binary (REGISTRY_BIN or REGISTRY3_BIN): a 2.8 under that name would prove nothing.
base_images() {
  printf '%s\n' registry:2 node:24-bookworm-slim nginx:1-alpine redis:7-alpine busybox:latest curlimages/curl:latest
  if registry_binary 3 >/dev/null; then echo registry:3; fi
}

# What making them takes.
need_base_images() {
  registry_binary 2 >/dev/null || need docker-registry docker-registry || return
  need busybox busybox-static setpriv util-linux nginx nginx-light redis-server redis-server curl curl || return
  need_packages
}

# The registry program of a major version; fails where there is none.
registry_binary() {
  local candidate
  for candidate in "${REGISTRY_BIN:-}" "${REGISTRY3_BIN:-}" "$(command -v registry)" "$(command -v docker-registry)"; do
    [ -n "$candidate" ] || continue
    # registry github.com/distribution/distribution/v3 v3.1.1
    case $(OTEL_TRACES_EXPORTER=none "$candidate" --version) in
    *" $1."* | *" v$1."*)
      printf '%s\n' "$candidate"
      return 0
      ;;
    esac
  done
  return 1
}

# Makes one of them: make_image NAME. A plain command, please: after "||" or "if" bash goes on after a failure in it.
make_image() (
  set -e
  files=$(mktemp -d "${TMPDIR:-/tmp}/registry-cleanup-image-XXXXXX")
  trap 'rm -rf "$files"' EXIT
  "image_${1%%[:/]*}" "$files" "$1"
)

image_registry() {
  local binary config=/etc/docker/registry/config.yml environment=()
  binary=$(registry_binary "${2#*:}")
  if [ "$2" = registry:3 ]; then
    config=/etc/distribution/config.yml environment=(-c 'ENV OTEL_TRACES_EXPORTER=none')
  fi
  base "$1"
  program "$1" "$binary" /bin/registry
  mkdir -p "$1$(dirname "$config")" "$1/var/lib/registry"
  cat >"$1$config" <<'YAML'
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
YAML
  entrypoint "$1" /entrypoint.sh <<'SH'
#!/bin/sh
set -e
case "$1" in
    *.yaml|*.yml) set -- registry serve "$@" ;;
    serve|garbage-collect|help|-*) set -- registry "$@" ;;
esac
exec "$@"
SH
  load "$1" "$2" -c 'VOLUME /var/lib/registry' -c 'EXPOSE 5000' -c 'ENTRYPOINT ["/entrypoint.sh"]' \
    -c "CMD [\"$config\"]" "${environment[@]}"
}

image_node() {
  local npm environment=()
  npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
  base "$1"
  program "$1" "$(readlink -f "$node")" /usr/local/bin/node
  # Debian's, which knows more than busybox's.
  program "$1" "$(command -v setpriv)" /usr/bin/setpriv
  mkdir -p "$1/usr/local/lib/node_modules"
  cp -RL "$npm" "$1/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$1/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$1/usr/local/bin/npx"
  echo 'node:x:1000:1000::/home/node:/bin/sh' >>"$1/etc/passwd"
  echo 'node:x:1000:' >>"$1/etc/group"
  # Where this machine reaches npm's registry through a proxy of its own, a build needs its certificates, too.
  if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then
    cp "$NODE_EXTRA_CA_CERTS" "$1/etc/ssl/certs/extra.pem"
    environment=(-c 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/extra.pem')
  fi
  entrypoint "$1" /usr/local/bin/docker-entrypoint.sh <<'SH'
#!/bin/sh
set -e
if [ "${1#-}" != "$1" ] || [ -z "$(command -v "$1")" ] || { [ -f "$1" ] && ! [ -x "$1" ]; }; then
  set -- node "$@"
fi
exec "$@"
SH
  load "$1" "$2" -c 'ENTRYPOINT ["docker-entrypoint.sh"]' -c 'CMD ["node"]' "${environment[@]}"
}

image_nginx() {
  base "$1"
  program "$1" "$(command -v nginx || echo /usr/sbin/nginx)" /usr/sbin/nginx
  echo 'nginx:x:101:101::/nonexistent:/bin/false' >>"$1/etc/passwd"
  echo 'nginx:x:101:' >>"$1/etc/group"
  mkdir -p "$1"/var/{log,cache,lib}/nginx "$1"/etc/nginx/{conf.d,templates} "$1/usr/share/nginx/html"
  ln -s /dev/stdout "$1/var/log/nginx/access.log"
  ln -s /dev/stderr "$1/var/log/nginx/error.log"
  cp /etc/nginx/mime.types "$1/etc/nginx/"
  cat >"$1/etc/nginx/nginx.conf" <<'NGINX'
user nginx;
worker_processes auto;
error_log /var/log/nginx/error.log notice;
pid /var/run/nginx.pid;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /var/log/nginx/access.log;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
NGINX
  cat >"$1/etc/nginx/conf.d/default.conf" <<'NGINX'
server { listen 80; location / { root /usr/share/nginx/html; } }
NGINX
  echo ok >"$1/usr/share/nginx/html/index.html"
  entrypoint "$1" /docker-entrypoint.sh <<'SH'
#!/bin/sh
set -e
exec "$@"
SH
  load "$1" "$2" -c 'EXPOSE 80' -c 'ENTRYPOINT ["/docker-entrypoint.sh"]' \
    -c 'CMD ["nginx", "-g", "daemon off;"]'
}

image_redis() {
  base "$1"
  program "$1" "$(command -v redis-server)" /usr/local/bin/redis-server
  program "$1" "$(command -v redis-cli)" /usr/local/bin/redis-cli
  mkdir -p "$1/data"
  # The official one is compiled with protected mode off.
  entrypoint "$1" /usr/local/bin/docker-entrypoint.sh <<'SH'
#!/bin/sh
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then set -- redis-server "$@"; fi
if [ "$1" = redis-server ]; then set -- "$@" --protected-mode no; fi
exec "$@"
SH
  load "$1" "$2" -c 'VOLUME /data' -c 'WORKDIR /data' -c 'EXPOSE 6379' -c 'ENTRYPOINT ["docker-entrypoint.sh"]' \
    -c 'CMD ["redis-server"]'
}

image_busybox() {
  base "$1"
  load "$1" "$2" -c 'CMD ["sh"]'
}

image_curlimages() {
  base "$1"
  program "$1" "$(command -v curl)" /usr/bin/curl
  echo 'curl_user:x:100:101::/home/curl_user:/bin/sh' >>"$1/etc/passwd"
  echo 'curl_group:x:101:' >>"$1/etc/group"
  mkdir -p "$1/home/curl_user"
  entrypoint "$1" /entrypoint.sh <<'SH'
#!/bin/sh
set -e
if [ "${1#-}" != "$1" ] || ! command -v "$1" >/dev/null; then set -- curl "$@"; fi
exec "$@"
SH
  load "$1" "$2" -c 'USER curl_user' -c 'ENTRYPOINT ["/entrypoint.sh"]' -c 'CMD ["curl"]'
}

# A root directory with a shell, users, certificates and time for strangers to write to /tmp.
base() {
  local applet
  chmod 755 "$1"
  mkdir -p "$1"/{bin,dev,etc/ssl/certs,home,lib,proc,root,run,sbin,sys,tmp,usr/bin,usr/sbin,usr/lib,usr/local/bin,var/run}
  chmod 1777 "$1/tmp"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$1/etc/passwd"
  printf 'root:x:0:\nnobody:x:65534:\n' >"$1/etc/group"
  if [ -e /etc/ssl/certs/ca-certificates.crt ]; then cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"; fi
  program "$1" "$(command -v busybox)" /bin/busybox
  for applet in $(busybox --list-full); do
    [ -e "$1/$applet" ] || { mkdir -p "$1/${applet%/*}" && ln -s /bin/busybox "$1/$applet"; }
  done
}

# program ROOT FROM TO: a program, and the loader and libraries that it names, where they are here.
program() {
  local library
  # Not behind busybox's own, wherever that is.
  rm -f "$1"/{bin,sbin,usr/bin,usr/sbin}/"${3##*/}"
  cp -L "$2" "$1$3"
  chmod 755 "$1$3"
  { ldd "$2" 2>/dev/null || true; } | { grep -o '/[^ ]*' || true; } | while read -r library; do
    [ -e "$1$library" ] || { mkdir -p "$1${library%/*}" && cp -L "$library" "$1$library"; }
  done
}

entrypoint() {
  cat >"$1$2"
  chmod 755 "$1$2"
}

# load ROOT NAME --change …: everything in it is root's, whoever made it.
load() {
  local files=$1 name=$2
  shift 2
  tar -C "$files" --owner=0 --group=0 --numeric-owner -c . |
    docker import -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$@" - "$name" >/dev/null
}
