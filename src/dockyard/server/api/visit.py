"""One request of the API: who makes it, and what it works on.

Every permission is asked of the functions that everything else asks, too (`access.principal`, the guard's pass): there
is no table of rights here that could say something else.
"""

from dataclasses import dataclass

from dockyard.registry.guard import Action, Pass
from dockyard.server.access.naming import UnknownNameError
from dockyard.server.access.principal import AccessDeniedError, Principal, require
from dockyard.server.api.parts import Parts
from dockyard.server.database import Database


@dataclass(frozen=True)
class Visit:
    """A request whose caller is known.

    Attributes:
        parts: what it works on.
        by: the caller; where there are no accounts the system itself.
        permit: what the caller may do to repositories, within what its token is good for.
        base: the URL under which the caller sees this server.
        session: the web session it came with; empty for none.
    """

    parts: Parts
    by: Principal
    permit: Pass
    base: str
    session: str = ""

    @property
    def database(self) -> Database:
        """Where everything but bytes is."""
        return self.parts.database

    @property
    def anonymous(self) -> bool:
        """Whether it came without any login."""
        return self.by.proof.kind == "anonymous"

    def demand(self, project: str, resource: str, action: str) -> None:
        """Pass if the caller's role in the project allows it; without a project, in the whole system.

        Raises:
            AccessDeniedError: it does not.
        """
        require(self.by, project, resource, action)

    def repository(self, name: str, action: Action = "pull") -> str:
        """The repository's name itself, if the caller may do `action` to it.

        Raises:
            AccessDeniedError: it may see it, but not do that.
            UnknownNameError: it may not see it, or there is none; which of both is not said.
        """
        if not self.permit.allows(name, action):
            if action != "pull" and self.permit.allows(name, "pull"):
                raise AccessDeniedError(f"{self.by.name} may not {action} in {name[:255]}")
            raise UnknownNameError(f"there is no repository {name[:255]!r}")
        return name
