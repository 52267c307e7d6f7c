"""Who may do what: asked by the app before every request."""

from collections.abc import Sequence
from typing import Literal, Protocol

from dockyard.registry.caller import ANONYMOUS, Caller
from dockyard.registry.interface import StoredManifest

Action = Literal["pull", "push", "delete", "list"]
"""What is done to a repository; `list` is to see its name in the catalog."""


class Pass(Protocol):
    """A caller that has shown who it is. Its methods never wait for anything."""

    caller: Caller

    def allows(self, name: str, action: Action) -> bool:
        """Whether it may do `action` to the repository `name`; without a name, whether it may come in (`pull`) and ask
        for the catalog (`list`).
        """

    def refusal(self, name: str, action: Action, base: str, source: str = "") -> Exception:
        """The `WireError` that says why not: 401 with a challenge where another login could help, else 403.

        Args:
            name: the repository.
            action: what was asked for.
            base: the URL under which the client sees this server, for the challenge.
            source: a further repository that has to be pulled from.
        """


class Guard(Protocol):
    """Looks at who asks."""

    def known(self, authorization: str) -> Pass | None:
        """The caller behind an Authorization header, if that was looked at before and still holds.

        Raises:
            WireError: 429: it comes too often.
        """

    def admit(self, authorization: str, address: str, base: str) -> Pass:
        """The caller behind an Authorization header, which may be empty; may take a while.

        Args:
            authorization: the header.
            address: where the request comes from.
            base: the URL under which the client sees this server, for challenges.

        Raises:
            WireError: the header shows nobody: 401, or 429 after too many tries.
        """


class Gate(Protocol):
    """Says whether an image may be given to anyone at all, such as by a policy."""

    def passes(self, name: str, stored: StoredManifest) -> bool:
        """Whether the manifest was allowed a moment ago. Waits for nothing."""

    def demand(self, name: str, reference: str, stored: StoredManifest) -> Sequence[str]:
        """Return, perhaps with warnings, if it may be given.

        Raises:
            WireError: DENIED, with every reason.
        """


class _Anyone:
    caller = ANONYMOUS

    def allows(self, name: str, action: Action) -> bool:
        return True

    def refusal(self, name: str, action: Action, base: str, source: str = "") -> Exception:
        return AssertionError("nothing is refused")


class Open:
    """A guard that lets everybody do everything: for a registry that only this machine can reach."""

    def known(self, authorization: str) -> Pass | None:
        """Everybody is."""
        return _ANYONE

    def admit(self, authorization: str, address: str, base: str) -> Pass:
        """Everybody is admitted."""
        return _ANYONE


_ANYONE: Pass = _Anyone()
