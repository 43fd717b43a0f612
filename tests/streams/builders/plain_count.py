"""A plain count of a log, one record after the other with full identities: what the fold's rows must add up to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.contract.events import Event, EventValidator
from schemas.contract.rejected import Rejected
from schemas.reference.places import zone_of
from streams.definition import Definition

TEN_MINUTES = 600_000
#: Stands in a log for an offset that holds no record: a marker of a transaction, or an aborted record.
VOID = b"\0 no record"
ACTIVE = {"appeal_received", "comment_added", "reaction_added", "repost_added", "vote_added", "service_used"}


class PlainCount:
    """Counts one partition from offset 0 on; ``values[i]`` stands at offset ``i``."""

    def __init__(self, values: Sequence[bytes | None], appended: Sequence[int], rules: Definition) -> None:
        #: (hour since 1970, page, place, kind) -> count
        self.totals: dict[tuple[int, str, str, str], int] = defaultdict(int)
        self.authors: dict[tuple[date, str, str], set[int]] = defaultdict(set)
        #: (table, key) -> hours (seconds UTC) of all copies
        self.hours: dict[tuple[str, str], set[int]] = defaultdict(set)
        #: table -> key -> offset of the earliest copy and its place
        self.facts: dict[str, dict[str, tuple[int, str]]] = {
            "appeals": {},
            "answers": {},
            "appeal_changes": {},
            "posts": {},
            "post_removals": {},
        }
        self.rejected: dict[int, tuple[str, str]] = {}
        self.touched: dict[int, int] = {}
        #: source -> offset of its last record, latest time it told of
        self.sources: dict[str, tuple[int, int]] = {}
        self.repeats = 0
        self._rules = rules
        self._ids: dict[int, set[str]] = defaultdict(set)
        judge = EventValidator()
        for offset, (value, append) in enumerate(zip(values, appended, strict=True)):
            if value is VOID:
                continue
            verdict = judge(value if value is not None else b"")
            if isinstance(verdict, Rejected):
                self.rejected[offset] = (verdict.field, verdict.reason)
            elif verdict.at > append + TEN_MINUTES:
                self.rejected[offset] = ("at", "ahead")
            elif (1, 0, offset) in rules.mended:
                self.rejected[offset] = ("", "mended")
            elif verdict.load not in rules.excluded_loads:
                self._count(verdict, offset)

    def _count(self, event: Event, offset: int) -> None:
        place = event.place
        for stamp in self._rules.stamps:
            if stamp.page == event.page and stamp.from_ms <= event.at < stamp.to_ms:
                place = stamp.place
        hour = event.at // 3_600_000
        last, happened = self.sources.get(event.source, (0, 0))
        self.sources[event.source] = (max(last, offset), max(happened, event.at))
        if event.kind.startswith(("appeal_", "post_")):
            self._fact(event, place, offset)
            self.touched[hour] = offset + 1
        chunk = offset // self._rules.chunk
        window = range(chunk - self._rules.window_chunks, chunk + 1)
        known = any(event.id in self._ids[number] for number in window)
        self._ids[chunk].add(event.id)
        if known:
            self.repeats += 1
            return
        self.touched[hour] = offset + 1
        page = event.page or ""
        self.totals[hour, page, place, event.kind] += 1 if event.kind.startswith("appeal_") else event.amount
        if event.kind in ACTIVE and event.author is not None:
            day = local_day(zone_of(place), event.at)
            self.authors[day, place, page].add(int(event.author[:16], 16))

    def _fact(self, event: Event, place: str, offset: int) -> None:
        if event.kind == "appeal_received":
            table, key = "appeals", event.appeal
        elif event.kind in ("appeal_interim", "appeal_answered"):
            table, key = "answers", event.id
        elif event.kind.startswith("post_"):
            table, key = ("posts" if event.kind == "post_published" else "post_removals"), event.object
        else:
            table, key = "appeal_changes", event.id
        assert key is not None
        self.facts[table].setdefault(key, (offset, place))
        if not event.kind.startswith("post_"):
            self.hours[table, key].add(event.at // 3_600_000 * 3600)


def local_day(zone: str, at_ms: int) -> date:
    """The calendar day in a zone; a day before 1970 is 1970-01-01."""
    day = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(zone)).date()
    return max(day, date(1970, 1, 1))


def differences(tables: Any, plain: PlainCount, rules: Definition) -> list[str]:
    """Differences of the tables (:class:`tests.streams.builders.tables.Tables`) from the plain count."""
    found = []
    for what, stored, counted in (
        ("totals", tables.totals(), dict(plain.totals)),
        ("authors", tables.authors(), dict(plain.authors)),
        ("rejected", {off for _, _, off in tables.rejected}, set(plain.rejected)),
        ("touched", {int(h.timestamp()) // 3600: high for (h, _, _), high in tables.touched.items()}, plain.touched),
        (
            "sources",
            {
                source: (off, int(tables.happened[source, log, part].timestamp() * 1000))
                for (source, log, part), (off, _) in tables.sources.items()
            },
            plain.sources,
        ),
        *(
            (name, {key: (said[2], _place(name, said)) for (key,), said in tables.facts[name].items()}, facts)
            for name, facts in plain.facts.items()
        ),
        (
            "hours",
            {(name, key): hours for (name, union, key), hours in tables.unions.items() if union == "hours"},
            plain.hours,
        ),
    ):
        if stored != counted:
            found.append(f"{what}: stored {stored}, counted {counted}")
    for (hour, page, place, log, part, chunk), counts in tables.cells.items():
        if (log, part) != (1, 0) or chunk < 0 or not any(counts.values()):
            found.append(f"a cell that nothing counts: {hour} {page} {place} {log} {part} {chunk}, {rules.chunk}")
    return found


def _place(table: str, said: tuple[Any, ...]) -> str:
    """The place of a fact's row without its key columns."""
    place: str = said[{"appeals": 7, "answers": 10, "appeal_changes": 9, "posts": 7, "post_removals": 7}[table]]
    return place
