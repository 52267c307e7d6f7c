"""`dockyard ship`: the main job."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dockyard.cli import bars, context, report


def ship(
    folder: Path = Path(),
    /,
    *,
    tag: str = "",
    build_arg: Annotated[list[str] | None, Parameter(name="--build-arg")] = None,
    json: bool = False,
) -> None:
    """Take the application in this folder from source to a running, verified container, as dockyard.toml says.

    Lint, build, SBOM and scan, policy, push, sign and attest, deploy. What is done already is not done again, so an
    interrupted ship is simply run again. Every ship leaves a record: `dockyard record`.

    Args:
        folder: where dockyard.toml lies.
        tag: the image's tag; the folder's Git revision by default.
        build_arg: NAME=value for an ARG, over what dockyard.toml says.
        json: print the record as one JSON document.
    """
    from dockyard.build.sources.bases import Bases
    from dockyard.cli.fetch import reacher
    from dockyard.cli.key_files import private_key, public_key
    from dockyard.cli.passwords import password
    from dockyard.cli.registry_client import client
    from dockyard.pipeline import settings as files
    from dockyard.pipeline.revision import revision
    from dockyard.pipeline.ship import Means
    from dockyard.pipeline.ship import ship as run
    from dockyard.signing.keys import public_of

    settings = files.load(folder)
    context.enter_namespace()
    store = context.store()

    private = private_key(folder / settings.sign.key, password) if settings.sign.key else None
    public = [public_key(folder / name) for name in settings.policy.keys]
    if not public and private is not None:
        public = [public_of(private())]
    with bars.shown(quiet=json) as progress:
        means = Means(
            store=store,
            data=context.data_folder(),
            client=client(),
            bases=Bases(store, reacher(progress)),
            private_key=private,
            public_keys=public,
            progress=progress,
            epoch=context.epoch(),
        )
        document = run(folder, settings, tag or revision(folder), means, context.pairs(build_arg, "--build-arg"))
    if json:
        report.result(document)
        return
    width = max(8, *(len(step["step"]) for step in document["steps"]))
    for step in document["steps"]:
        mark = "=" if step["status"] == "already done" else "✓"
        print(f"{mark} {step['step']:<{width}} {step['seconds']:6.2f} s  {_said(step)}".rstrip())
    print(f"{document['reference']} {document['digest']}")
    if document.get("rollout"):
        print(f"serves on http://127.0.0.1:{document['rollout']['port']}/")
    print(f"record {document['record']}")


def _said(step: dict[str, object]) -> str:
    findings = step.get("findings")
    kind = str(step["step"]).partition(" ")[0]  # of several platforms the steps name theirs
    if kind == "build":
        steps, size = report.counted(int(str(step["steps"])), "step"), report.size(int(str(step["size"])))
        return f"{steps}, {step['cached_steps']} cached, {size}"
    if kind == "scan":
        shown = (
            "no feed"
            if step.get("feed") == "missing"
            else report.counted(len(findings), "finding")
            if isinstance(findings, list)
            else ""
        )
        return f"{report.counted(int(str(step['packages'])), 'package')}, {shown}"
    if kind == "lint":
        return report.counted(len(findings) if isinstance(findings, list) else 0, "finding")
    if kind in ("policy", "verdict"):
        return f"allowed by {report.counted(len(step['rules']) if isinstance(step['rules'], list) else 0, 'rule')}"
    return "already done" if step["status"] == "already done" else ""
