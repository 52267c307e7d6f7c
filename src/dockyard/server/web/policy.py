"""What a project asks of an image before it may be pulled, and what it accepts all the same."""

from typing import Any, get_args

import msgspec

from dockyard.policy.settings import Policy, Requirement, Severity
from dockyard.server.clock import now
from dockyard.server.trust.exempting import exempt, exemptions, withdraw
from dockyard.server.trust.settings import ProjectPolicy, policy_of, set_policy
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.project import head
from dockyard.server.web.visit import FieldInvalidError, Visit

_END = "-----END PUBLIC KEY-----"
_MOST_GRACE = 30 * 24 * 3600


def _show(visit: Visit) -> Answer:
    top = head(visit)
    visit.demand(top.name, "metadata", "read")
    found = policy_of(visit.desk.database, top.name)
    words = {
        "project": top,
        "asked": found,
        "policy": found.policy if found is not None else Policy(),
        "exemptions": exemptions(visit.desk.database, top.name),
        "now": now(),
        "severities": get_args(Severity),
        # Which base an image was built on is known where it is built, not here.
        "requirements": [each for each in get_args(Requirement) if each != "pinned-base"],
    }
    return Page("policy.html", words)


def _set(visit: Visit) -> Answer:
    project = visit.places[0]
    visit.demand(project, "metadata", "update")
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
    set_policy(visit.desk.database, project, ProjectPolicy(policy, grace, visit.checked("warn")))
    visit.desk.gate.forget()
    return Moved(f"/projects/{project}/policy", "The policy holds from now on.")


def _clear(visit: Visit) -> Answer:
    project = visit.places[0]
    visit.demand(project, "metadata", "delete")
    set_policy(visit.desk.database, project, None)
    visit.desk.gate.forget()
    return Moved(f"/projects/{project}/policy", "The project has no policy any more: everything may be pulled.")


def _exempt(visit: Visit) -> Answer:
    project, subject, reason = visit.places[0], visit.text("subject", 255), visit.text("reason")
    visit.demand(project, "metadata", "create")
    head(visit)
    if not subject or not reason:
        raise FieldInvalidError("an exemption needs an advisory or digest, and a reason")
    exempt(visit.desk.database, project, subject, reason, visit.day("until"))
    visit.desk.gate.forget()
    return Moved(f"/projects/{project}/policy", f"{subject} is accepted.")


def _withdraw(visit: Visit) -> Answer:
    project = visit.places[0]
    visit.demand(project, "metadata", "delete")
    withdraw(visit.desk.database, project, visit.whole("number"))
    visit.desk.gate.forget()
    return Moved(f"/projects/{project}/policy", "The exemption is withdrawn.")


VIEW = View(_show, {"set": _set, "clear": _clear, "exempt": _exempt, "withdraw": _withdraw})
