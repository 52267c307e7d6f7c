#!/bin/sh
# Builds the given peers (default: all) into bench/peers/bin/, each from the module that names it as a tool:
# bench/peers/go.mod, or one of the folders beside it, whose requirements would contradict the others'.
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
[ $# -gt 0 ] || set -- cosign crane buildctl buildkitd oracle registry conformance
for name in "$@"; do
    found=""
    for module in . buildkit registry; do
        package=$("$go" -C "$module" list -f '{{.ImportPath}}' tool | grep -E "/$name(/v[0-9]+)?\$" | head -n 1)
        if [ -n "$package" ]; then found=$module; break; fi
    done
    if [ -z "$found" ]; then
        echo "build.sh: no module here names a tool called $name" >&2
        exit 2
    fi
    CGO_ENABLED=0 nice "$go" -C "$found" build -trimpath -ldflags="-s -w" -o "$PWD/bin/$name" "$package"
done
