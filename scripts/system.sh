#!/bin/sh
# Install missing system packages without asking, saying what and why.
#   system.sh run   what building and deploying need
#   system.sh test  the real clients and servers that tests and benchmarks talk to
#   system.sh venv  Python's own part that makes virtual environments
set -eu

wanted() {
    case $1 in
        venv) echo "python3-venv:makes the virtual environment" ;;
        run) cat <<'LIST'
runc:runs containers for RUN steps and deploy
haproxy:switches traffic between versions
gpgv:checks the signature of a distribution's package index
debian-archive-keyring:the keys that package index is signed with
ca-certificates:lets HTTPS registries be trusted
LIST
            ;;
        test) cat <<'LIST'
skopeo:reads and writes the same images as we do
podman:pushes to and pulls from our registry
containerd:its ctr pushes to and pulls from our registry
docker.io:pushes to and pulls from our registry
busybox-static:the one program in the base of a benchmark
buildah:the builder we measure against
docker-registry:a peer's registry to pull from and push to
iptables:docker.io's daemon wants it
gnupg:signs the small package archives that tests make
openssl:makes certificates for TLS tests
curl:asks the registry's API as its page shows
openssh-client:the agent that a build step may ask
zsh:completes commands
fish:completes commands
chromium:looks at the registry's pages as people do
chromium-driver:lets tests steer chromium
git:the repositories that builds take sources from
nginx-light:stands before two registries in tests
postgresql:the database of registries on several machines
slapd:an LDAP directory to log in with
ldap-utils:fills that directory
slirp4netns:a network of its own for a build step
passt:the same, the newer way
uidmap:maps subordinate IDs for builds without root
tinyproxy-bin:a proxy that pulls, pushes and downloads go by
wrk:the load of the registry's benchmarks
LIST
            ;;
    esac
}

if [ ! -r "${DOCKYARD_DEBIAN_MARKER:-/etc/debian_version}" ] || ! command -v apt-get >/dev/null; then
    if [ "$1" = run ]; then
        echo "This is not Debian or Ubuntu, so no system packages are installed here." >&2
        echo "Works: everything but RUN in builds, base images from packages, run and deploy." >&2
        echo "Those need Linux with runc, haproxy, gpgv and debian-archive-keyring." >&2
    fi
    exit 0
fi

missing=""
reasons=""
for line in $(wanted "$1" | tr ' ' '_'); do
    package=${line%%:*}
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
        missing="$missing $package"
        reasons="$reasons  $package: $(echo "${line#*:}" | tr '_' ' ')
"
    fi
done
[ -n "$missing" ] || exit 0

echo "Installing system packages:"
printf '%s' "$reasons"
if [ "$(id -u)" != 0 ]; then
    echo "That needs root. Run this once, then the same make target again:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# Tests start the servers that they need themselves; none of them begins to listen because it was installed.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get update -qq
# shellcheck disable=SC2086 (a list of words)
apt-get install -y -qq --no-install-recommends $missing >/dev/null
