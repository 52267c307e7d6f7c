"""`/projects/…/policy`, `/projects/…/exemptions` and `/exemptions`: what an image must be like to be pulled, and what
is let pass, in a project or everywhere.
"""

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from dockyard.server.access import projects
from dockyard.server.access.naming import UnknownNameError
from dockyard.server.api.images import Verdicts, judged
from dockyard.server.api.route import Guest, Number, Part, route
from dockyard.server.api.tokens import Moment
from dockyard.server.names import project_of
from dockyard.server.trust.exempting import exempt, exemptions, withdraw
from dockyard.server.trust.settings import ProjectPolicy, policy_of, set_policy

_POLICY = "/projects/{project:str}/policy"
_EXEMPTIONS = "/projects/{project:str}/exemptions"


class ExemptionNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An advisory (`CVE-…`) or the digest of an image to be let pass, why, and until when; null for no end."""

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    until: Moment | None = None


class PolicyTest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An image of the project, by tag or digest, and the policy to try; null for the one that the project has."""

    repository: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    policy: ProjectPolicy | None = None


class ExemptionShown(msgspec.Struct, frozen=True):
    """An exemption, which may have ended; no project means all of them. Times are milliseconds since 1970."""

    number: int
    project: str
    subject: str
    reason: str
    until: int | None
    made_by: str
    made_at: int


@route("GET", _POLICY, "policy")
def policy_read(visit: Guest, project: Part) -> ProjectPolicy:
    """A project's policy. For limited guests, as it says why a pull is denied."""
    projects.get(visit.database, visit.by, project)
    found = policy_of(visit.database, project)
    if found is None:
        raise UnknownNameError(f"{project} has no policy")
    return found


@route("PUT", _POLICY, "policy")
def policy_set(visit: Guest, project: Part, data: JSONBody[ProjectPolicy]) -> ProjectPolicy:
    """Give a project a policy, in place of the one before. For project admins.

    Its rules are those of `[policy]` in dockyard.toml, with public keys as PEM texts.
    """
    visit.demand(project, "metadata", "update")
    projects.get(visit.database, visit.by, project)
    set_policy(visit.database, project, data)
    visit.parts.gate.forget()
    return data


@route("DELETE", _POLICY, "policy")
def policy_delete(visit: Guest, project: Part) -> None:
    """Take a project's policy away. For project admins."""
    visit.demand(project, "metadata", "delete")
    projects.get(visit.database, visit.by, project)
    set_policy(visit.database, project, None)
    visit.parts.gate.forget()


@route("POST", _POLICY + "/test", "policy", status=200)
def policy_test(visit: Guest, project: Part, data: JSONBody[PolicyTest]) -> Verdicts:
    """What a policy would say of an image, changing nothing. For project admins.

    Without a policy in the request the project's own is asked. Exemptions hold in either case.
    """
    visit.demand(project, "metadata", "update")
    name = visit.repository(data.repository)
    if project_of(name) != project:
        raise UnknownNameError(f"{project} has no repository {name}")
    stored = visit.parts.registry.manifest(name, data.reference)
    return judged(visit, name, data.reference, stored, data.policy or policy_of(visit.database, project))


@route("GET", _EXEMPTIONS, "policy")
def exemptions_list(visit: Guest, project: Part) -> list[ExemptionShown]:
    """What is let pass in a project: by its own exemptions, then by those of all projects; ended ones, too.

    For limited guests.
    """
    visit.demand(project, "scan", "read")
    return _listed(visit, project)


@route("POST", _EXEMPTIONS, "policy")
def exemption_create(visit: Guest, project: Part, data: JSONBody[ExemptionNew]) -> ExemptionShown:
    """Let an advisory or an image pass in a project. For project admins."""
    visit.demand(project, "metadata", "create")
    projects.get(visit.database, visit.by, project)
    return _created(visit, project, data)


@route("DELETE", _EXEMPTIONS + "/{number:int}", "policy")
def exemption_delete(visit: Guest, project: Part, number: Number) -> None:
    """End an exemption. For project admins."""
    visit.demand(project, "metadata", "delete")
    _ended(visit, project, number)


@route("GET", "/exemptions", "policy")
def system_exemptions_list(visit: Guest) -> list[ExemptionShown]:
    """What is let pass in all projects, ended ones too. For system admins."""
    visit.demand("", "scan", "read")
    return _listed(visit, "")


@route("POST", "/exemptions", "policy")
def system_exemption_create(visit: Guest, data: JSONBody[ExemptionNew]) -> ExemptionShown:
    """Let an advisory or an image pass in all projects. For system admins."""
    visit.demand("", "metadata", "create")
    return _created(visit, "", data)


@route("DELETE", "/exemptions/{number:int}", "policy")
def system_exemption_delete(visit: Guest, number: Number) -> None:
    """End an exemption of all projects. For system admins."""
    visit.demand("", "metadata", "delete")
    _ended(visit, "", number)


def _created(visit: Guest, project: str, data: ExemptionNew) -> ExemptionShown:
    number = exempt(visit.database, project, data.subject, data.reason, data.until)
    visit.parts.gate.forget()
    return next(each for each in _listed(visit, project) if each.number == number)


def _ended(visit: Guest, project: str, number: int) -> None:
    withdraw(visit.database, project, number)
    visit.parts.gate.forget()


def _listed(visit: Guest, project: str) -> list[ExemptionShown]:
    shown = ("project", "subject", "reason", "until", "made_by", "made_at")
    found = exemptions(visit.database, project)
    return [ExemptionShown(each["id"], *(each[name] for name in shown)) for each in found]
