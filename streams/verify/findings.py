"""Findings: every difference between the recount and the store is counted, the first of each table are kept."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field


class Difference(Struct, frozen=True, array_like=False):
    """One row that is not what the log says. ``where`` names it; ``recounted`` and ``stored`` are short texts."""

    table: str
    where: str
    recounted: str
    stored: str


class Findings(Struct):
    """Differences by table, and what was compared.

    ``compared``: rows that had to be equal and were looked at, by table; ``bracketed``: rows that could only be held
    between two bounds (load, a lag, a window that the log no longer holds); ``gone``: rows whose records the log no
    longer holds, or that were carried over; ``later``: rows of records that came after the recount; ``expired``: rows
    that are not there (or not whole) and are older than their table keeps them.
    """

    limit: int = 10
    differences: dict[str, int] = field(default_factory=dict)
    kept: list[Difference] = field(default_factory=list)
    compared: dict[str, int] = field(default_factory=dict)
    bracketed: dict[str, int] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    later: dict[str, int] = field(default_factory=dict)
    expired: dict[str, int] = field(default_factory=dict)

    @property
    def green(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def differ(self, table: str, where: str, recounted: object, stored: object) -> None:
        """Record a difference; values are shortened to what a table cell can show."""
        number = self.differences.get(table, 0)
        self.differences[table] = number + 1
        if number < self.limit:
            self.kept.append(Difference(table, where, _short(recounted), _short(stored)))

    def count(self, what: dict[str, int], table: str, number: int = 1) -> None:
        """Add to one of the tallies."""
        if number:
            what[table] = what.get(table, 0) + number

    def add(self, others: Iterable[Findings]) -> None:
        """Add the findings of other partitions or tables to these."""
        for other in others:
            for mine, theirs in (
                (self.compared, other.compared),
                (self.bracketed, other.bracketed),
                (self.gone, other.gone),
                (self.later, other.later),
                (self.expired, other.expired),
            ):
                for table, number in theirs.items():
                    self.count(mine, table, number)
            for table, number in other.differences.items():
                self.count(self.differences, table, number)
            for difference in other.kept:
                if sum(1 for known in self.kept if known.table == difference.table) < self.limit:
                    self.kept.append(difference)


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 120 else text[:117] + "..."
