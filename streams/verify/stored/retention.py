"""Retention: which rows the tables' own limits of age may have deleted, by the server's clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct, field

from streams.verify.stored.tables import StoredRows

#: Rows this close to their limit may be absent, too: a Date expires at midnight of the server's own zone, and
#: rows go while the verification runs.
MARGIN: Final = timedelta(days=1)
#: The limit of a table whose TTL is not "a time + an interval": any of its rows may be gone.
_ANY: Final = datetime(2100, 1, 1, tzinfo=UTC)

_TTL: Final = re.compile(r" TTL (?P<expression>.+?)(?: SETTINGS |$)")
_INTERVAL: Final = re.compile(r".+ \+ (?P<interval>toInterval[A-Z][a-z]+\(\d+\))")


class Limits(Struct, frozen=True):
    """By table (without generation): the time (UTC) before which retention may have deleted rows.

    The time of a row is the column of its TTL: its hour or day, ``period_from`` of a reading, or ``appended`` of a
    rejection. An older row may be absent, or only some of the rows that are merged into it. So its absence is no
    difference. Rows that are there are compared as ever.
    """

    before: dict[str, datetime] = field(default_factory=dict)

    def seconds(self, *tables: str) -> int:
        """Rows of these tables before this second (since 1970, UTC) may be gone; 0 where all are kept."""
        return max((int(self.before[table].timestamp()) for table in tables if table in self.before), default=0)

    def day(self, *tables: str) -> str:
        """Rows of these tables of days (ISO) before this one may be gone; empty, before every day, if all are kept."""
        seconds = self.seconds(*tables)
        # The day of the limit itself may be gone in part.
        return (datetime.fromtimestamp(seconds, UTC) + timedelta(days=1)).date().isoformat() if seconds else ""


def limits(stored: StoredRows) -> Limits:
    """The limits of the generation's tables as they are set on the server now."""
    before = {}
    for table, engine in stored.engines().items():
        ttl = _TTL.search(engine)
        if ttl is None:
            continue
        interval = _INTERVAL.fullmatch(ttl["expression"])
        if interval is None:
            before[table] = _ANY
            continue
        ((seconds,),) = stored.values(f"SELECT toUnixTimestamp(now() - {interval['interval']})")
        before[table] = datetime.fromtimestamp(seconds, UTC) + MARGIN
    return Limits(before)
