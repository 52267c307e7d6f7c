"""What each step of a build cost when it last really ran: kept for advice about a better order."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from dockyard._internal import atomic
from dockyard.build.tools import StepReport

_MOST = 2000


class StepCost(msgspec.Struct, frozen=True):
    """Seconds that a step took, and bytes of its layer's blob."""

    seconds: float
    size: int


def keep(data: Path, location: str, stage: str, reports: Iterable[StepReport]) -> None:
    """Note what the steps of `stage` cost that were not taken from the cache; the others' costs stay.

    Args:
        data: the folder of all that is kept.
        location: the context's folder and the Dockerfile with a zero character between them.
        stage: the stage's name or number.
        reports: the steps.
    """
    ran = {f"{stage}\0{each.text}": StepCost(each.seconds, each.size) for each in reports if not each.cached}
    if not ran:
        return
    path = _path(data, location)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two builds that end at once may each write; what is lost is measured again when the step runs again.
    known = {**_load(path), **ran}
    atomic.write(path, msgspec.json.encode(dict(list(known.items())[-_MOST:])), durable=False)


def kept(data: Path, location: str) -> dict[tuple[str, str], StepCost]:
    """The costs of the steps of the Dockerfile at `location`, by stage and by the step's text."""
    return {
        (key.partition("\0")[0], key.partition("\0")[2]): cost for key, cost in _load(_path(data, location)).items()
    }


def _path(data: Path, location: str) -> Path:
    context, _, dockerfile = location.partition("\0")
    whole = f"{context}\0{Path(dockerfile).resolve()}"
    name = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return data / "cache" / "costs" / name


def _load(path: Path) -> dict[str, StepCost]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, StepCost])
    except (OSError, msgspec.MsgspecError):  # nothing was built yet, or by another version
        return {}
