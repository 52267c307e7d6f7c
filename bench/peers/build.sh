#!/bin/sh
# Builds the given peers (default: cosign crane) from bench/peers/go.mod into bench/peers/bin/.
# Needs Go 1.24 or newer for the `tool` directive; Debian 12's own Go 1.19 is too old.
set -eu
cd "$(dirname "$0")"
PATH="$PATH:/usr/local/go/bin"
go=""
for candidate in /usr/local/go/bin/go go; do
    version=$("$candidate" env GOVERSION 2>/dev/null) || continue
    minor=$(echo "$version" | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    if [ "${minor:-0}" -ge 24 ]; then go=$candidate; break; fi
done
if [ -z "$go" ]; then
    echo "build.sh: no Go 1.24 or newer found (put it in PATH or in /usr/local/go)" >&2
    exit 1
fi
mkdir -p bin
[ $# -gt 0 ] || set -- cosign crane
for name in "$@"; do
    package=$("$go" list -f '{{.ImportPath}}' tool | grep -E "/$name(/v[0-9]+)?\$" | head -n 1)
    if [ -z "$package" ]; then
        echo "build.sh: go.mod names no tool called $name" >&2
        exit 2
    fi
    CGO_ENABLED=0 nice "$go" build -trimpath -ldflags="-s -w" -o "bin/$name" "$package"
done
