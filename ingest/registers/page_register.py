"""The register of pages in memory: which place and organisation a page has at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import cache

from msgspec import Struct

from schemas.reference.places import COUNTRY_ZONE, load_zone

#: A row is in force since ever: ClickHouse's ``Date`` begins on this day.
SINCE_EVER = date(1970, 1, 1)


class PageRow(Struct, frozen=True, gc=False):
    """A page with one validity: from ``valid_from`` (inclusive) to ``valid_to`` (exclusive; None: still in force).

    Days begin at midnight in Moscow. ``page`` is ``network:native id``, such as ``vk:123``.
    """

    page: str
    valid_from: date
    valid_to: date | None
    place: str
    organisation: str | None = None
    kind: str | None = None


class PageRecord(Struct, frozen=True, gc=False):
    """What the register says about a page at a time. Times are milliseconds since 1970 (UTC); ``to_ms`` is exclusive.

    ``place`` is an OKTMO code of eight digits, or ``namespace:code``.
    """

    page: str
    place: str
    organisation: str | None
    kind: str | None
    from_ms: int
    to_ms: int | None


class PageRegister:
    """All pages with all their validities. It never changes; a refresh makes a new one.

    >>> register = PageRegister([PageRow("vk:1", SINCE_EVER, date(2026, 1, 1), "05517000", "2536000000")])
    >>> register.at("vk", "1", 1_767_214_799_999).place
    '05517000'
    >>> register.at("vk", "1", 1_767_214_800_000) is None
    True
    """

    def __init__(self, rows: Iterable[PageRow] = (), version: int | None = None) -> None:
        #: What ClickHouse's table held when it was read; None where it came otherwise.
        self.version = version
        # Most pages have one validity: then the record itself is the value, which spares a tuple for each page.
        self._pages: dict[str, PageRecord | tuple[PageRecord, ...]] = {}
        self._add(
            PageRecord(
                row.page,
                row.place,
                row.organisation,
                row.kind,
                moscow_midnight_ms(row.valid_from),
                None if row.valid_to is None else moscow_midnight_ms(row.valid_to),
            )
            for row in rows
        )

    @classmethod
    def of_records(cls, records: Iterable[PageRecord]) -> PageRegister:
        """The register that holds these records."""
        register = cls()
        register._add(records)
        return register

    def _add(self, records: Iterable[PageRecord]) -> None:
        pages = self._pages
        for record in records:
            known = pages.setdefault(record.page, record)
            if known is not record:
                pages[record.page] = (*(known if isinstance(known, tuple) else (known,)), record)

    def __len__(self) -> int:
        """Pages that the register knows, in force or not."""
        return len(self._pages)

    def at(self, network: str, native_id: str, at_ms: int) -> PageRecord | None:
        """The page's record at ``at_ms`` (milliseconds UTC); None where the register has none in force then.

        ``network`` is vk, ok, tg or max; ``native_id`` is the id of the page in that network, as text. Events of a
        page without a record belong to place ``00000000``.
        """
        known = self._pages.get(f"{network}:{native_id}")
        if known is None:
            return None
        for record in known if isinstance(known, tuple) else (known,):
            if record.from_ms <= at_ms and (record.to_ms is None or at_ms < record.to_ms):
                return record
        return None

    def validities(self, page: str) -> tuple[PageRecord, ...]:
        """All records of a page such as ``vk:123``; empty where the register does not know it."""
        known = self._pages.get(page, ())
        return known if isinstance(known, tuple) else (known,)

    def __iter__(self) -> Iterator[PageRecord]:
        """All records, the validities of a page together."""
        for known in self._pages.values():
            yield from known if isinstance(known, tuple) else (known,)


@cache
def moscow_midnight_ms(day: date) -> int:
    """The first moment of a Moscow day, in milliseconds since 1970 (UTC); 0 for the first day of 1970."""
    if day <= SINCE_EVER:
        return 0
    midnight = datetime(day.year, day.month, day.day, tzinfo=load_zone(COUNTRY_ZONE))
    return round(midnight.timestamp() * 1000)
