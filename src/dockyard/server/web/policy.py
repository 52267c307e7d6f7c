"""What a project asks of an image before it may be pulled, and what it accepts all the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import msgspec

from dockyard.policy.settings import Policy, Requirement, Severity
from dockyard.policy.verdict import Verdict
from dockyard.registry.interface import WireError
from dockyard.server.names import project_of
from dockyard.server.trust.settings import ProjectPolicy, policy_of, set_policy
from dockyard.server.web import exemptions
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.project import head
from dockyard.server.web.visit import FieldInvalidError, Visit
from dockyard.signing.keys import load_public

_END = "-----END PUBLIC KEY-----"
_MOST_GRACE = 30 * 24 * 3600


@dataclass(frozen=True)
class Trial:
    """An image, the policy that was tried on it, and what that says."""

    image: str
    policy: ProjectPolicy
    verdicts: Sequence[Verdict]

    @property
    def allowed(self) -> bool:
        """Whether it would be given without a word."""
        return all(each.allowed for each in self.verdicts)


def _show(visit: Visit, tried: Trial | None = None) -> Answer:
    top = head(visit)
    visit.demand(top.name, "metadata", "read")
    found = policy_of(visit.desk.database, top.name)
    words = {
        "project": top,
        "asked": found,
        "typed": tried.policy if tried is not None else found,
        "policy": (tried.policy if tried is not None else found or ProjectPolicy()).policy,
        "tried": tried,
        **exemptions.words(visit, top.name),
        "severities": get_args(Severity),
        # Which base an image was built on is known where it is built, not here.
        "requirements": [each for each in get_args(Requirement) if each != "pinned-base"],
    }
    return Page("policy.html", words)


def _set(visit: Visit) -> Answer:
    project = visit.places[0]
    visit.demand(project, "metadata", "update")
    set_policy(visit.desk.database, project, _wanted(visit))
    visit.desk.gate.forget()
    return Moved(f"/projects/{project}/policy", "The policy holds from now on.")


def _try(visit: Visit) -> Answer:
    """What the policy, as it was typed, says of an image; nothing is kept."""
    project = visit.places[0]
    visit.demand(project, "metadata", "update")
    image = visit.text("image", 400)
    name, at, reference = image.partition("@")
    if not at:
        name, _, reference = image.rpartition(":")
    if project_of(name) != project or not reference or not visit.may(name):
        raise FieldInvalidError(f"image: not an image of {project}", hint=f"Write it like {project}/web:1.0.")
    policy = _wanted(visit)
    for key in policy.policy.keys:
        load_public(key.encode())
    try:
        stored = visit.desk.registry.manifest(name, reference)
        verdicts = visit.desk.gate.verdicts(name, reference, stored, policy)
    except WireError as error:
        raise FieldInvalidError(f"image: there is no {image[:200]}") from error
    return _show(visit, Trial(image, policy, verdicts))


def _wanted(visit: Visit) -> ProjectPolicy:
    """The policy that the form has."""
    project = visit.places[0]
    grace = visit.whole("grace")
    if grace > _MOST_GRACE:
        raise FieldInvalidError("grace: more than 30 days")
    old = policy_of(visit.desk.database, project) or ProjectPolicy()
    severity = visit.text("severity")
    wanted: dict[str, Any] = {
        "fail-on": {"severity": severity, "only-fixed": visit.checked("only-fixed")} if severity else None,
        "require": visit.form.get("require", []),
        "tags": old.policy.tags,
        "keys": [part.strip() + "\n" + _END + "\n" for part in visit.text("keys", 100_000).split(_END) if part.strip()],
        "registries": old.policy.registries,
        "exempt": msgspec.to_builtins(old.policy.exempt),
    }
    try:
        policy = msgspec.convert(wanted, Policy)
    except msgspec.ValidationError as error:
        raise FieldInvalidError(f"not a policy: {error}") from error
    return ProjectPolicy(policy, grace, visit.checked("warn"))


def _clear(visit: Visit) -> Answer:
    project = visit.places[0]
    visit.demand(project, "metadata", "delete")
    set_policy(visit.desk.database, project, None)
    visit.desk.gate.forget()
    return Moved(f"/projects/{project}/policy", "The project has no policy any more: everything may be pulled.")


def _accept(visit: Visit) -> Answer:
    head(visit)  # there must be such a project
    return exemptions.accept(visit)


VIEW = View(_show, {"set": _set, "try": _try, "clear": _clear, "exempt": _accept, "withdraw": exemptions.end})
