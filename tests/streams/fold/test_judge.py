"""The judge: texts are numbered anew between chunks, and no row shows it."""

from __future__ import annotations

import pytest

from streams.definition import Stamp
from streams.fold import judge
from streams.fold.events import EventFold
from tests.streams.builders.records import HOUR, T0, batch, definition, event

LOG = [event(n, page=f"vk:{n % 5}", place=f"4538200{n % 3}", source=f"feed{n % 2}") for n in range(23)]
RULES = definition(chunk=4, window_chunks=2, stamps=(Stamp("vk:1", T0, T0 + HOUR, "98701000"),))


def _rows(flush_every: int) -> dict[str, list[str]]:
    fold = EventFold(1, 0, 8, RULES)
    fold.warm(batch(LOG[:8]))
    found: dict[str, list[str]] = {}
    for begin in range(8, len(LOG), flush_every):
        fold.fold(batch(LOG[begin : begin + flush_every], begin))
        rows = fold.flush()
        assert rows is not None
        for table, frame in rows.tables.items():
            columns = [name for name in frame.columns if name != "people"]
            found.setdefault(table, []).extend(map(str, sorted(frame.select(columns).rows())))
    return found


@pytest.mark.parametrize("flush_every", [3, 4, 15])
def test_rows_do_not_depend_on_when_texts_are_numbered_anew(monkeypatch: pytest.MonkeyPatch, flush_every: int) -> None:
    expected = _rows(flush_every)
    for limit in (0, 1, 4):
        monkeypatch.setattr(judge, "KNOWN_LIMIT", limit)
        assert _rows(flush_every) == expected
