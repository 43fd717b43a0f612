"""Rows that are counts made elsewhere, to readings: one absolute total for each key and period."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ingest.files.conversion import RowRejectedError, rule_reader
from ingest.identities import IdentityKey, identity
from ingest.kafka.outgoing import Outgoing
from ingest.mapping.check import find_zone
from ingest.mapping.mapping import AppealMapping
from ingest.mapping.times import period_reader, time_reader
from schemas.contract import VERSION
from schemas.contract.events import MAX_AHEAD_MS
from schemas.contract.identifiers import UNKNOWN_PLACE
from schemas.contract.readings import MAX_VALUE, Reading, ReadingValidator, encode_reading
from schemas.contract.rejected import Rejected
from schemas.contract.topics import READINGS

_COUNT: Final = re.compile(r"[0-9]{1,13}", re.ASCII)
_MEMORY_LIMIT: Final = 65_536

#: Start and end, milliseconds UTC.
Period = tuple[int, int]
#: The row's key and its period (milliseconds UTC).
Key = tuple[tuple[str, ...], int, int]


class _Sum:
    """One total so far. ``line`` is that of its first row."""

    __slots__ = ("line", "observed_at", "template", "value")

    def __init__(self, template: Reading, line: int) -> None:
        self.template = template
        self.value = 0
        self.observed_at = 0
        self.line = line


class Totals:
    """Sums a file's rows to totals. Memory grows with the number of totals, not of rows.

    A total is known when the whole file was read: nothing is sent before. It is absolute: a repetition changes nothing,
    and a later observation replaces it. A total with a rejected row would be too low: it is withheld. A rejected row
    whose total is not known is counted in ``unassigned``.

    ``observed_at`` (ms UTC) is used where the mapping names no column for it.
    """

    def __init__(
        self,
        mapping: AppealMapping,
        key: IdentityKey,
        *,
        source: str,
        load: str,
        now_ms: int,
        observed_at: int | None,
    ) -> None:
        total = mapping.total
        if total is None:
            raise ValueError("not a mapping of totals")
        self.unassigned = 0
        self._identity_key = key
        self._source = source
        self._load = load
        self._latest_ms = now_ms + MAX_AHEAD_MS
        self._constant = observed_at
        self._validate = ReadingValidator()
        self._sums: dict[Key, _Sum] = {}
        self._withheld: set[Key] = set()
        #: Periods of which a row was rejected.
        self._incomplete: set[Period] = set()
        self._periods: dict[str, tuple[int, int]] = {}
        zone = find_zone(mapping.time.zone)
        position = {column: index for index, column in enumerate(mapping.columns)}
        self._key = [position[column] for column in mapping.key]
        self._total = total
        self._period = position[total.period]
        self._read_period = period_reader(total.format or mapping.time.format, zone, total.length)
        self._value = position[total.value] if total.value is not None else None
        column = total.observed_at.column if total.observed_at is not None else None
        self._observed = position[column] if column is not None else None
        self._read_time = time_reader(mapping.time.format, zone)
        self._fields = {name: rule_reader(name, rule, position) for name, rule in mapping.fields.given().items()}

    def __len__(self) -> int:
        return len(self._sums)

    @property
    def withheld(self) -> int:
        """Number of totals that are not sent because one of their rows was rejected."""
        return len(self._withheld)

    def add(self, line: int, cells: Sequence[str]) -> None:
        """Add one row.

        Raises:
            RowRejectedError: the row is rejected; its total, where it is known, is withheld.
        """
        try:
            period = self._period_of(cells)
        except RowRejectedError:
            self.unassigned += 1
            raise
        try:
            self._add_to(period, line, cells)
        except RowRejectedError:
            self._incomplete.add(period)
            raise

    def _add_to(self, period: Period, line: int, cells: Sequence[str]) -> None:
        key = (tuple([cells[index] for index in self._key]), *period)
        found = self._sums.get(key)
        if found is None:
            # Its fields depend on the key and the period alone, so its first row gives them.
            found = self._sums[key] = _Sum(self._first(key, cells), line)
        try:
            value = self._value_of(cells)
            observed_at = self._observed_at(cells)
        except RowRejectedError:
            self._withheld.add(key)
            raise
        found.value += value
        found.observed_at = max(found.observed_at, observed_at)

    def finish(self) -> Iterator[tuple[int, Outgoing | Rejected]]:
        """The totals with the line of their first row, ordered by key."""
        file_at = max((total.observed_at for total in self._sums.values()), default=0)
        for key in sorted(self._sums):
            if key in self._withheld:
                continue
            total = self._sums[key]
            if total.value > MAX_VALUE:
                yield total.line, Rejected("value", f"The total is more than {MAX_VALUE:,}.")
                continue
            own, start, end = key
            # A file that lacks a row of a period must not take away what an earlier one says of it.
            complete_at = None if self.unassigned or (start, end) in self._incomplete else file_at
            marks = (str(start), str(end), str(total.observed_at), str(total.value), str(complete_at))
            reading = _with(
                total.template,
                id=identity(self._identity_key, "reading", self._source, *own, *marks),
                value=total.value,
                observed_at=total.observed_at,
                complete_at=complete_at,
            )
            yield total.line, Outgoing(READINGS, reading.object, encode_reading(reading))

    def _period_of(self, cells: Sequence[str]) -> tuple[int, int]:
        text = cells[self._period]
        period = self._periods.get(text)
        if period is None:
            column = self._total.period[:64]
            if not any(cells[index] for index in self._key):
                raise RowRejectedError("key", "The key of the row is empty.")
            try:
                period = self._read_period(text)
            except ValueError:
                raise RowRejectedError(
                    "period_from", f"Column `{column}` is not a {self._total.length} of the mapping's format."
                ) from None
            if len(self._periods) >= _MEMORY_LIMIT:
                self._periods.clear()
            self._periods[text] = period
        return period

    def _first(self, key: Key, cells: Sequence[str]) -> Reading:
        given = {name: read(cells) for name, read in self._fields.items()}
        own, start, end = key
        if start > self._latest_ms:
            raise RowRejectedError("period_from", f"Column `{self._total.period[:64]}` lies in the future.")
        reading = Reading(
            v=VERSION,
            id="0" * 32,
            object=identity(self._identity_key, "total", self._source, *own),
            metric="appeals",
            value=0,
            period_from=start,
            period_to=end,
            observed_at=0,
            source=self._source,
            load=self._load,
            place=given["place"] or UNKNOWN_PLACE,
            channel=given["channel"],
            entrance=given["entrance"],  # type: ignore[arg-type]  # the validator judges it
            topic=given.get("topic") or None,
            page=given.get("page") or None,
        )
        try:
            verdict = self._validate(encode_reading(reading))
        except UnicodeEncodeError:
            raise RowRejectedError("", "The row holds text that is not valid Unicode.") from None
        if isinstance(verdict, Rejected):
            raise RowRejectedError(verdict.field, verdict.reason)
        return verdict

    def _value_of(self, cells: Sequence[str]) -> int:
        if self._value is None:
            return 1
        text = cells[self._value]
        if not _COUNT.fullmatch(text):
            column = (self._total.value or "")[:64]
            raise RowRejectedError("value", f"Column `{column}` is not a whole number from 0.")
        return int(text)

    def _observed_at(self, cells: Sequence[str]) -> int:
        if self._observed is None:
            return self._constant or 0
        try:
            at = self._read_time(cells[self._observed])
        except ValueError:
            raise RowRejectedError("observed_at", "The time of observation is not of the mapping's format.") from None
        if at > self._latest_ms:
            raise RowRejectedError("observed_at", "The time of observation lies in the future.")
        return at


def _with(template: Reading, *, id: str, value: int, observed_at: int, complete_at: int | None) -> Reading:
    fields = {name: getattr(template, name) for name in template.__struct_fields__}
    return Reading(**{**fields, "id": id, "value": value, "observed_at": observed_at, "complete_at": complete_at})
