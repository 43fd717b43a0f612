"""Episodes as they are stored: opened, brought up to date, closed; read back after a restart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from clickhouse_connect.driver.client import Client
from msgspec import Struct

from streams.spikes.carriers import Counted, Nature
from streams.spikes.decision import Watchers
from streams.spikes.hierarchy import Hierarchy
from streams.spikes.links import LINKED, VALID_S, Signer

_DURABLE: Final[dict[str, Any]] = {"async_insert": 0, "wait_end_of_query": 1}


class Episode(Struct, frozen=True, kw_only=True):
    """One episode at one evaluation. Times are UTC, on the grid of evaluations."""

    id: str
    series: str
    level: str
    since: datetime
    evaluated: datetime
    state: Literal["open", "closed"]
    closed_at: datetime | None = None
    #: The last evaluation that was not quiet, and the last that alerted.
    active_at: datetime
    alerted_at: datetime
    window_h: int
    observed: int
    expected: float
    #: False alarms per series and day of this evaluation, and the least of the episode.
    alarms: float
    best_alarms: float
    authors: int
    nature: Nature
    push: bool
    reason: str
    pages: Counted
    topics: Counted
    entrances: Counted


def identity(series: str, since: datetime) -> str:
    """The same opening has the same identity, however often it is evaluated."""
    return hashlib.blake2s(f"{series} {since.timestamp():.0f}".encode(), digest_size=8).hexdigest()


def write_episodes(client: Client, episodes: Sequence[Episode]) -> None:
    """Write evaluations of episodes; the same ones again change nothing."""
    if not episodes:
        return
    lines = []
    for each in episodes:
        latest = {
            name: _plain(getattr(each, name))
            for name in Episode.__struct_fields__
            if name not in ("id", "series", "level", "since")
        }
        for name, key in (("pages", "page"), ("topics", "topic"), ("entrances", "entrance")):
            latest[name] = [{key: what, "appeals": appeals} for what, appeals in getattr(each, name)]
        row = {"id": each.id, "series": each.series, "level": each.level, "since": _plain(each.since), "latest": latest}
        lines.append(msgspec.json.encode(row))
    client.raw_insert(
        "gospulse_data.spikes",
        column_names=["id", "series", "level", "since", "latest"],
        insert_block=b"\n".join(lines),
        fmt="JSONEachRow",
        settings=_DURABLE,
    )


def write_links(client: Client, episodes: Sequence[Episode], signer: Signer) -> None:
    """Write the links of episodes that have just opened; the same ones again change nothing."""
    rows = []
    for each in episodes:
        since = each.since.timestamp()
        links = signer.links(each.id, since)
        rows.append([each.id, datetime.fromtimestamp(since + VALID_S, UTC), *(links[decision] for decision in LINKED)])
    if rows:
        client.insert(
            "gospulse_data.spike_links", rows, column_names=["id", "expires", *LINKED], settings={"async_insert": 0}
        )


def _plain(value: Any) -> Any:
    return int(value.timestamp()) if isinstance(value, datetime) else value


def read_recent(client: Client, before: datetime) -> dict[str, Episode]:
    """By series, the latest episode that opened in the 60 days before an evaluation, as of that evaluation.

    What later evaluations wrote does not count, so an evaluation can be made again.
    """
    rows = client.query(
        "SELECT id, any(series), any(level), any(since), max(latest) FROM gospulse_data.spikes "
        "WHERE since < {before:DateTime('UTC')} AND since >= {oldest:DateTime('UTC')} "
        "AND tupleElement(latest, 'evaluated') < {before:DateTime('UTC')} GROUP BY id ORDER BY any(since)",
        parameters={"before": before, "oldest": before - timedelta(days=60)},
    ).result_rows
    found: dict[str, Episode] = {}
    for key, series, level, since, latest in rows:
        values = latest if isinstance(latest, dict) else dict(zip(_LATEST, latest, strict=True))
        times = {
            name: None if values[name] is None else values[name].replace(tzinfo=UTC)
            for name in ("evaluated", "closed_at", "active_at", "alerted_at")
        }
        counted = {name: tuple(_pair(each) for each in values[name]) for name in ("pages", "topics", "entrances")}
        known: dict[str, Any] = values | times | counted
        found[series] = Episode(id=key, series=series, level=level, since=since.replace(tzinfo=UTC), **known)
    return found


#: Members of the stored tuple in its order.
_LATEST: Final = (
    *("evaluated", "state", "closed_at", "active_at", "alerted_at", "window_h", "observed", "expected", "alarms"),
    *("best_alarms", "authors", "nature", "push", "reason", "pages", "topics", "entrances"),
)


def _pair(each: Any) -> tuple[str, int]:
    first, second = each.values() if isinstance(each, dict) else each
    return str(first), int(second)


def watchers_of(episodes: dict[str, Episode], tree: Hierarchy) -> Watchers:
    """The state of every series that its latest episode left."""
    watchers = Watchers.none(len(tree.codes))
    row = {code: number for number, code in enumerate(tree.codes)}
    for series, episode in episodes.items():
        at = row.get(series)
        if at is None:
            continue
        if episode.state == "open":
            watchers.since[at] = _minutes(episode.since)
            watchers.active[at] = _minutes(episode.active_at)
        watchers.alerted[at] = _minutes(episode.alerted_at)
    return watchers


def _minutes(at: datetime) -> int:
    return int(at.timestamp()) // 60
