"""What a project may have to say about a change: asked inside the transaction that makes it."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection


class Rules(Protocol):
    """Each method raises the `WireError` that refuses the change, which then does not happen at all."""

    def linking(self, connection: Connection, project: int, length: int) -> None:
        """The project is about to have `length` bytes more; they are counted already."""

    def pointing(self, connection: Connection, project: int, name: str, moves: Sequence[tuple[str, str]]) -> None:
        """Tags of the repository `name` are about to be set; each comes with the digest that it leaves, or "".

        A tag that already points where it is going is not among them.
        """

    def forgetting(self, connection: Connection, project: int, name: str, tags: Sequence[str]) -> None:
        """Tags of the repository `name` are about to be forgotten, alone or with their manifest."""


class _Unruled:
    def linking(self, connection: Connection, project: int, length: int) -> None:
        pass

    def pointing(self, connection: Connection, project: int, name: str, moves: Sequence[tuple[str, str]]) -> None:
        pass

    def forgetting(self, connection: Connection, project: int, name: str, tags: Sequence[str]) -> None:
        pass


UNRULED: Rules = _Unruled()
"""Lets everything happen."""
