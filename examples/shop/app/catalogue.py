"""What the shop sells, kept in SQLite so that the page comes from a real query."""

import sqlite3
from dataclasses import dataclass

_GOODS = (
    ("Rope, 10 m", 1250),
    ("Brass lantern", 4900),
    ("Ship's biscuit", 180),
    ("Oilskin coat", 8900),
    ("Signal flag, set of 26", 15600),
)


@dataclass(frozen=True)
class Item:
    """One good: its number, name and price in cents."""

    number: int
    name: str
    cents: int

    @property
    def price(self) -> str:
        """The price as people write it."""
        return f"{self.cents // 100}.{self.cents % 100:02d}"


class Catalogue:
    """The goods, in memory: a fresh database for each process."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute(
            "CREATE TABLE goods (number INTEGER PRIMARY KEY, name TEXT NOT NULL, cents INTEGER NOT NULL)"
        )
        self._database.executemany("INSERT INTO goods (name, cents) VALUES (?, ?)", _GOODS)

    def all(self) -> list[Item]:
        """Every good, cheapest first."""
        return [
            Item(*row) for row in self._database.execute("SELECT number, name, cents FROM goods ORDER BY cents, number")
        ]

    def get(self, number: int) -> Item | None:
        """One good by its number."""
        row = self._database.execute("SELECT number, name, cents FROM goods WHERE number = ?", (number,)).fetchone()
        return Item(*row) if row else None
