"""What `--help` shows beside a function's own words: examples of each command, and groups of many options.

A test parses every example, and finds each option of a group.
"""

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "ship": ("dockyard ship", "dockyard ship examples/shop --tag 1.4.2"),
    "record": ("dockyard record", "dockyard record --all"),
    "lint": (
        "dockyard lint",
        "dockyard lint docker/Dockerfile --fail-on warning",
        "dockyard lint --fix --diff",
        "dockyard lint --format sarif -o lint.sarif",
    ),
    "build": (
        "dockyard build -t shop/web:1.0 .",
        "dockyard build -f docker/Dockerfile --target test --build-arg VERSION=1.0 .",
        "dockyard build --secret id=token,src=token.txt -t shop/web:1.0 .",
        "dockyard build --platform linux/amd64,linux/arm64 --push -t registry.example/shop/web:1.0 .",
        "dockyard build --output type=local,dest=out .",
        "dockyard build --explain .",
    ),
    "debug": ("dockyard debug .", "dockyard debug . --at 7", "dockyard debug . --at 7 -- cat /etc/passwd"),
    "builds": ("dockyard builds", "dockyard builds last --failed"),
    "cache": ("dockyard cache", "dockyard cache ls", "dockyard cache prune --keep 10GB --dry-run"),
    "base": (
        "dockyard base debian:bookworm --include python3,ca-certificates -t bases/python:bookworm",
        "dockyard base debian:trixie --full -t bases/debian:trixie",
    ),
    "images": ("dockyard images", "dockyard images --json"),
    "inspect": ("dockyard inspect shop/web:1.0", "dockyard inspect shop/web:1.0 --config"),
    "tag": ("dockyard tag shop/web:1.0 registry.example/shop/web:1.0",),
    "rm": ("dockyard rm shop/web:1.0 shop/web:1.1",),
    "save": ("dockyard save shop/web:1.0 -o web.tar", "dockyard save shop/web:1.0 --format oci-archive -o web.tar"),
    "load": ("dockyard load -i web.tar",),
    "copy": (
        "dockyard copy docker://registry.example/shop/web:1.0 oci:web:1.0",
        "dockyard copy oci-archive:web.tar docker://registry.example/shop/web:1.0",
    ),
    "serve": (
        "dockyard serve",
        "dockyard serve --listen 127.0.0.1:5001 --storage registry",
        "dockyard serve --config registry.toml",
    ),
    "pull": ("dockyard pull debian:bookworm", "dockyard pull registry.example/shop/web:1.0 --platform linux/arm64"),
    "push": (
        "dockyard push registry.example/shop/web:1.0",
        "dockyard push shop/web:1.0 registry.example/shop/web:1.0",
    ),
    "tags": ("dockyard tags registry.example/shop/web",),
    "login": (
        "dockyard login registry.example",
        "dockyard login registry.example -u ada --password-stdin <password.txt",
    ),
    "logout": ("dockyard logout registry.example",),
    "registry user": (
        "dockyard registry user add ada --admin --new --storage registry",
        "dockyard registry user set ben --disabled --server https://registry.example",
    ),
    "registry lockout": ("dockyard registry lockout", "dockyard registry lockout lift 192.0.2.7"),
    "registry group": ("dockyard registry group add web ada ben", "dockyard registry group set web ben --leave"),
    "registry token": ("dockyard registry token add ben laptop --scope read-only --expires 90d",),
    "registry project": ("dockyard registry project add shop", "dockyard registry project set shop --public"),
    "registry member": ("dockyard registry member set shop ben --role developer --repository 'web-*'",),
    "registry robot": (
        "dockyard registry robot add ci --project shop --allow pull,push:shop/web --expires 90d",
        "dockyard registry robot renew robot+shop+ci",
    ),
    "registry keyless": (
        (
            "dockyard registry keyless add github --project shop --issuer https://token.actions.githubusercontent.com"
            " --audience registry.example --claim repository=acme/shop --allow pull,push:shop/*"
        ),
    ),
    "registry key": ("dockyard registry key rotate --storage registry",),
    "registry rule": (
        "dockyard registry rule add shop immutable 'v*'",
        "dockyard registry rule add shop refused latest",
        "dockyard registry rule add shop required semver --repositories web",
    ),
    "registry retention": (
        "dockyard registry retention add shop latest-pushed 10",
        "dockyard registry retention dry-run shop",
    ),
    "registry label": (
        "dockyard registry label add approved --project shop --color '#14683a'",
        "dockyard registry label put approved shop/web:1.0",
    ),
    "registry quota": ("dockyard registry quota", "dockyard registry quota set shop 50GB"),
    "registry exemption": (
        "dockyard registry exemption add shop CVE-2026-1234 --reason 'not reachable' --until 90d",
        "dockyard registry exemption add CVE-2026-1234 --everywhere --reason 'not reachable' --until 90d",
    ),
    "registry policy": (
        "dockyard registry policy set shop --fail-on critical --only-fixed --require non-root",
        "dockyard registry policy show shop",
    ),
    "registry webhook": (
        "dockyard registry webhook add https://ci.example/hook --project shop --kind push --kind tag.delete",
        "dockyard registry webhook log",
    ),
    "registry endpoint": (
        "dockyard registry endpoint add backup backup.example --username copier --password-stdin",
        "dockyard registry endpoint ping backup",
    ),
    "registry replication": (
        "dockyard registry replication add off-site --push-to backup.example --events",
        "dockyard registry replication history",
    ),
    "registry search": ("dockyard registry search web:1",),
    "registry advisory": (
        "dockyard registry advisory list --severity critical",
        "dockyard registry advisory show CVE-2026-1234",
        "dockyard registry advisory schedule --every '0 3 * * *' --rematch",
    ),
    "registry audit": (
        "dockyard registry audit list --project shop",
        "dockyard registry audit export --format csv --output audit.csv",
        "dockyard registry audit verify --storage registry",
    ),
    "registry jobs": ("dockyard registry jobs", "dockyard registry jobs --state failed"),
    "registry verify": ("dockyard registry verify --deep --storage registry",),
    "registry copy": ("dockyard registry copy shop/web:1.0 prod/web",),
    "registry rm": (
        "dockyard registry rm shop/web:1.0 shop/web:1.1 --dry-run",
        "dockyard registry rm shop/web",
        "dockyard registry rm shop --project --force",
    ),
    "registry import": ("dockyard registry import /var/lib/registry --dry-run --storage registry",),
    "registry migrate": ("dockyard registry migrate --dry-run",),
    "registry openapi": ("dockyard registry openapi",),
    "sbom": ("dockyard sbom shop/web:1.0 --format spdx -o web.spdx.json",),
    "scan": (
        "dockyard scan shop/web:1.0",
        "dockyard scan shop/web:1.0 --severity CRITICAL,HIGH --ignore-unfixed --exit-code 1",
    ),
    "feed": (
        "dockyard feed update --osv advisories",
        "dockyard feed update --debian-archive bookworm --for shop/web:1.0",
    ),
    "keygen": ("dockyard keygen", "dockyard keygen --output-key-prefix release"),
    "sign": ("dockyard sign --key cosign.key registry.example/shop/web:1.0",),
    "verify": ("dockyard verify --key cosign.pub registry.example/shop/web:1.0",),
    "policy": ("dockyard policy shop/web:1.0",),
    "deploy": ("dockyard deploy shop/web:1.0 --port 8080 --health-http /healthz",),
    "status": ("dockyard status", "dockyard status web --json"),
    "logs": ("dockyard logs web --follow",),
    "undo": ("dockyard undo web",),
    "stop": ("dockyard stop web",),
    "doctor": ("dockyard doctor",),
    "completion": ("dockyard completion bash", "dockyard completion fish"),
}

GROUPS: Mapping[str, Mapping[str, str]] = {
    "build": {
        "What is built": "--file --build-arg --target --platform --build-context --secret --ssh",
        "What becomes of it": (
            "--tag --output --push --load --label --annotation --compression --compression-level --layers --squash"
            " --sbom --provenance --attest --iidfile --metadata-file"
        ),
        "Steps that run": "--network --add-host --ca-bundle --allow --shm-size --ulimit --cgroup-parent --on-error",
        "Cache and speed": ("--no-cache --no-cache-filter --pull --cache-from --cache-to --processors --memory-budget"),
        "What is told": "--progress --quiet --json --explain --check --print",
    },
    "debug": {
        "Where it stops": "--at",
        "What is built": "--file --build-arg --target --platform --build-context --secret --ssh",
        "Steps that run": "--network --add-host --ca-bundle --allow --shm-size --ulimit --cgroup-parent",
        "Cache and speed": "--no-cache --no-cache-filter --pull --processors --memory-budget",
        "What is told": "--progress --json",
    },
    "lint": {
        "What is read": "--file --config --image",
        "Which rules": (
            "--rule --ignore --also --error --warning --info --style --trusted-registry --label --strict-labels"
            " --shellcheck --disable-ignore-pragma"
        ),
        "What is told": "--format --output --json --severity --fail-on --no-fail",
        "What is changed": "--fix --diff",
    },
}
