"""`dockyard registry policy`: what a project asks of an image before it may be pulled."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import image_named, needed
from dockyard.errors import PolicyError, UsageError

if TYPE_CHECKING:
    from dockyard.server.trust.settings import ProjectPolicy

_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class ImageRefusedError(PolicyError):
    """A project's policy would refuse a pull of this image; every reason is named."""

    reference = "project-policy"
    hint = "Mend what the reasons name, exempt it with `dockyard registry exemption add`, or change the policy."


def policy(
    verb: Literal["show", "set", "rm", "test"],
    project: str,
    image: str = "",
    /,
    *,
    file: Path | None = None,
    fail_on: Literal["", "negligible", "low", "medium", "high", "critical"] = "",
    only_fixed: Annotated[bool, Parameter(negative="")] = False,
    require: list[Literal["non-root", "healthcheck", "signed", "sbom"]] | None = None,
    key: list[Path] | None = None,
    grace: str = "10m",
    warn: Annotated[bool, Parameter(negative="")] = False,
    at: At = HERE,
    json: bool = False,
) -> None:
    """Show, set, remove or try a project's policy: pulls of images that it denies get 403 with the reasons.

    Args:
        verb: show, set, rm or test.
        project: the first part of its repositories' names.
        image: for test one of the project, such as shop/web:1.0 or shop/web@sha256:…
        file: for set and test take the [policy] of this dockyard.toml, its keys beside it.
        fail_on: for set and test deny findings at or above this severity.
        only_fixed: for set and test just those findings that have a fix.
        require: for set and test what an image must be or have; may be given several times.
        key: for set and test a public key that may sign; may be given several times.
        grace: for set how long after a push signature and SBOM may be missing, such as 10m.
        warn: for set and test say why in a warning, and refuse nothing.
        at: which registry.
        json: print one JSON document.
    """
    import msgspec

    verbs = at.verbs("trust.settings", "policies")
    given = file is not None or bool(fail_on or only_fixed or require or key or warn)
    wanted = _wanted(file, fail_on, only_fixed, require or [], key or [], grace, warn) if given else None
    with at.instance() as instance:
        if verb == "set":
            if wanted is None:
                raise UsageError(
                    "no policy given", hint="Such as --require signed --key cosign.pub, or --file dockyard.toml."
                )
            verbs.set_policy(instance.database, project, wanted)
            report.told(msgspec.to_builtins(wanted), f"{project} asks: {_told(wanted)}", json=json)
        elif verb == "rm":
            verbs.set_policy(instance.database, project, None)
            report.told({"removed": project}, f"{project} asks for nothing: all may be pulled", json=json)
        elif verb == "test":
            name, reference = _named(needed(image, "image"), project)
            judged = verbs.judged(instance, project, name, reference, wanted) if at.server else None
            _judged(judged or _here(instance, project, name, reference, wanted), image, json=json)
        else:
            found = verbs.policy_of(instance.database, project)
            if json:
                report.result({"project": project, "policy": msgspec.to_builtins(found)})
            else:
                print(f"{project} asks: {_told(found)}" if found else f"{project} has no policy")


def _wanted(
    file: Path | None, fail_on: str, only_fixed: bool, require: list[Any], keys: list[Path], grace: str, warn: bool
) -> "ProjectPolicy":
    import re

    import msgspec

    from dockyard.cli.key_files import public_text
    from dockyard.pipeline.settings import FILE, read
    from dockyard.policy.settings import FailOn, Policy
    from dockyard.server.trust.settings import ProjectPolicy

    span = re.fullmatch(r"(\d{1,7})([smhd])", grace)
    if span is None:
        raise UsageError(f"not a time: {grace!r}", hint="Write it like 10m or 2h.")
    rules = Policy()
    if file is not None:
        path = file / FILE if file.is_dir() else file
        rules = read(path).policy
        texts = [public_text(path.parent / name) for name in rules.keys]
        rules = msgspec.structs.replace(rules, keys=texts)
    if fail_on or only_fixed:
        before = rules.fail_on or FailOn()
        severity: Any = fail_on or before.severity
        rules = msgspec.structs.replace(rules, fail_on=FailOn(severity, only_fixed or before.only_fixed))
    more = [each for each in require if each not in rules.require]
    texts = [*rules.keys, *(public_text(path) for path in keys)]
    rules = msgspec.structs.replace(rules, require=[*rules.require, *more], keys=texts)
    return ProjectPolicy(rules, int(span[1]) * _SPANS[span[2]], warn)


def _named(image: str, project: str) -> tuple[str, str]:
    name, reference = image_named(image)
    if name.partition("/")[0] != project:
        raise UsageError(f"not an image of {project}: {image!r}", hint=f"Write it like {project}/web:1.0.")
    return name, reference


def _here(instance: Any, project: str, name: str, reference: str, wanted: "ProjectPolicy | None") -> dict[str, Any]:
    """The same as the API tells."""
    from dockyard.server.trust.settings import policy_of

    stored = instance.registry.manifest(name, reference)
    asked = wanted or policy_of(instance.database, project)
    if asked is None:
        return {"policy": False, "warn": False, "allowed": True, "images": []}
    said = instance.gate.verdicts(name, reference, stored, asked)
    images = [
        {"image": str(each.facts.digest), "allowed": each.allowed, "reasons": [why.to_json() for why in each.reasons]}
        for each in said
    ]
    allowed = asked.warn or all(each.allowed for each in said)
    return {"policy": True, "warn": asked.warn, "allowed": allowed, "images": images}


def _judged(found: dict[str, Any], image: str, *, json: bool) -> None:
    reasons = [f"{why['rule']}: {why['message']}" for each in found["images"] for why in each["reasons"]]
    if not found["allowed"]:
        raise ImageRefusedError(f"{image} is denied: {'; '.join(dict.fromkeys(reasons))}", context={"image": image})
    if json:
        report.result(found)
        return
    print(f"{image} is allowed" + ("" if found["policy"] else ": the project has no policy"))
    for reason in dict.fromkeys(reasons):
        print(f"  warning: {reason}")


def _told(found: "ProjectPolicy") -> str:
    rules = found.policy
    fail = rules.fail_on
    parts = [f"no {fail.severity} finding{' with a fix' if fail.only_fixed else ''} or worse"] if fail else []
    parts += [*rules.require, *(f"tags like {each}" for each in rules.tags)]
    parts += [f"one of {len(rules.keys)} keys"] if rules.keys else []
    return f"{', '.join(parts) or 'nothing'} (grace {found.grace} s{'; only warns' if found.warn else ''})"
