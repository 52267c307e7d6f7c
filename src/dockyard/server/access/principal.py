"""Somebody whose rights are known: an account, a robot, a personal token, a keyless job, or nobody in particular."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from dockyard.errors import PolicyError
from dockyard.registry.caller import Caller
from dockyard.server.access.roles import grants
from dockyard.server.globs import any_matches
from dockyard.server.names import project_of

Kind = Literal["anonymous", "account", "robot", "personal", "keyless", "system"]
RegistryAction = Literal["pull", "push", "delete"]
ACTIONS: tuple[RegistryAction, ...] = ("pull", "push", "delete")
_NEEDS = {"pull": ("repository", "pull"), "push": ("repository", "push"), "delete": ("artifact", "delete")}
_EVERYTHING = frozenset(ACTIONS)


class AccessDeniedError(PolicyError):
    """The account is known, and its role does not allow what was asked for."""

    reference = "access-denied"
    hint = "A project admin can give a higher role; docs/access.md has the table of roles."


class Proof(NamedTuple):
    """What somebody showed: the row that vouches for it, and a stamp that changes when the row's secret does."""

    kind: Kind
    id: int = 0
    stamp: str = ""


ANONYMOUS_PROOF = Proof("anonymous")


class Membership(NamedTuple):
    """A role in a project, narrowed to some repositories where there are globs."""

    role: str
    repositories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Permission:
    """Actions on the repositories that the globs name; what robots and keyless jobs have in place of roles."""

    repositories: tuple[str, ...]
    actions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who it is and what it may do, as the database said at one moment.

    Attributes:
        proof: how it showed who it is.
        name: what people call it.
        account: the number of its account; 0 for robots, keyless jobs and nobody.
        admin: whether it is a system admin.
        memberships: by project.
        permissions: of a robot or a keyless job.
        project: the only project in which the permissions hold; empty for all.
        actions: the most that it may do anywhere; less than all for a personal token with a scope.
        expires: milliseconds since 1970 from which on it is nobody; 0 for never.
    """

    proof: Proof
    name: str
    account: int = 0
    admin: bool = False
    memberships: Mapping[str, Sequence[Membership]] = field(default_factory=dict)
    permissions: tuple[Permission, ...] = ()
    project: str = ""
    actions: frozenset[str] = _EVERYTHING
    expires: int = 0

    @property
    def caller(self) -> Caller:
        """As events note it."""
        kind = self.proof.kind
        if kind in ("anonymous", "system"):
            return Caller(self.name, kind)
        return Caller(self.name, "robot" if kind in ("robot", "keyless") else "user")


SYSTEM_PRINCIPAL = Principal(Proof("system"), "system", admin=True)
"""Whoever may read and write the storage folder or the database itself."""
ANONYMOUS_PRINCIPAL = Principal(ANONYMOUS_PROOF, "anonymous")


def may(principal: Principal, repository: str, action: str, public: Container[str]) -> bool:
    """Whether the principal may do a registry action to a repository.

    Args:
        principal: who.
        repository: the whole name.
        action: pull, push or delete.
        public: the names of the public projects: anybody may pull from them.
    """
    if action not in principal.actions:
        return False
    project = project_of(repository)
    if action == "pull" and project in public:
        return True
    if principal.admin:
        return True
    resource, verb = _NEEDS[action]
    for each in principal.memberships.get(project, ()):
        if grants(each.role, resource, verb) and (not each.repositories or any_matches(each.repositories, repository)):
            return True
    if principal.project and principal.project != project:
        return False
    return any(action in each.actions and any_matches(each.repositories, repository) for each in principal.permissions)


def allowed(principal: Principal, project: str, resource: str, action: str) -> bool:
    """Whether the principal may do `action` to a `resource` of `project`, by its role there.

    Where `project` is empty the whole system is meant, which is for system admins. A personal token manages things
    only if its scope is full. Repository globs narrow pull, push and delete (`may`), not this.
    """
    if principal.actions != _EVERYTHING and action not in ("read", "list", "pull"):
        return False
    if principal.admin:
        return True
    return any(grants(each.role, resource, action) for each in principal.memberships.get(project, ()))


def require(principal: Principal, project: str, resource: str, action: str) -> None:
    """Pass if `allowed`.

    Raises:
        AccessDeniedError: it is not.
    """
    if not allowed(principal, project, resource, action):
        where = f"in {project}" if project else "in the system"
        raise AccessDeniedError(f"{principal.name} may not {action} {resource} {where}")
