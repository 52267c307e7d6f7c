"""The directive `# check=error=true`: a Dockerfile that is not built while a check of BuildKit's finds something."""

import re
from collections.abc import Mapping

from msgspec import structs

from dockyard.dockerfile.node import Dockerfile
from dockyard.errors import UsageError

ARGUMENT = "BUILDKIT_DOCKERFILE_CHECK"
TRUE = ("1", "t", "T", "TRUE", "true", "True")
FALSE = ("0", "f", "F", "FALSE", "false", "False")
_CHECK = re.compile(r"check\s*=", re.IGNORECASE)


class CheckFailedError(UsageError):
    """The Dockerfile asks by `# check=error=true` not to be built while a check finds something, and one does."""

    reference = "check-failed"
    hint = "Mend the lines, or leave rules out: # check=skip=RuleName;error=true"


class CheckInvalidError(UsageError):
    """The directive `# check=…` has a part that is neither skip=…, experimental=… nor error=true or false."""

    reference = "check-invalid"
    hint = "Write # check=skip=RuleName,OtherRule;error=true"


def instructed(dockerfile: Dockerfile, build_args: Mapping[str, str]) -> Dockerfile:
    """`dockerfile` with the directive `check` that the argument BUILDKIT_DOCKERFILE_CHECK gives instead of its own."""
    given = build_args.get(ARGUMENT)
    if given is None:
        return dockerfile
    own, nodes = dockerfile.directives.get("check"), dockerfile.nodes
    # Otherwise it would count as a comment on the first instruction.
    comments = tuple(each for each in nodes[0].comments if own is None or own not in each or not _CHECK.match(each))
    nodes = (structs.replace(nodes[0], comments=comments), *nodes[1:])
    return structs.replace(dockerfile, nodes=nodes, directives={**dockerfile.directives, "check": given})


def check(dockerfile: Dockerfile) -> None:
    """Refuse what the file's own directive refuses.

    Raises:
        CheckInvalidError: the directive is not well formed.
        CheckFailedError: it makes findings errors, and there are some.
    """
    if not _strict(_parts(dockerfile.directives.get("check", ""))):
        return
    from dockyard.dockerfile.lint.lint import lint  # seldom needed

    found = [(each.line, _theirs(each.aliases)) for each in lint(dockerfile)]
    named = [f"{name} on line {line}" for line, name in found if name]
    if named:
        raise CheckFailedError(f"the file does not let itself be built: {', '.join(named[:5])}")


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.split(";", 2) if text else []:
        key, equals, value = part.partition("=")
        key, value = key.strip(), value.strip()
        if not equals or key not in ("skip", "experimental", "error"):
            raise CheckInvalidError(f"the directive check has the unknown part {part.strip()!r}")
        if key == "error" and value not in (*TRUE, *FALSE):
            raise CheckInvalidError(f"error is true or false, not {value!r}")
        parts[key] = value
    return parts


def _strict(parts: Mapping[str, str]) -> bool:
    return parts.get("error", "false") not in FALSE


def _theirs(aliases: tuple[str, ...]) -> str:
    """The name that BuildKit has for a rule; its names are words, others' are letters and a number."""
    return next((alias for alias in aliases if not alias[-1].isdigit()), "")
