"""What became of a closed episode: peak, duration, decline, first official post, silent pages, answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from clickhouse_connect.driver.client import Client
from msgspec import Struct

from streams.spikes.episodes import Episode

#: An affected page that has not posted within this time is silent.
POST_WITHIN: Final = timedelta(hours=24)


class Aftermath(Struct, frozen=True, kw_only=True):
    """Times are UTC; hours are counted from the opening or, for the decline, from the peak."""

    computed: datetime
    appeals: int
    usual: float
    peak_hour: datetime
    peak: int
    hours: float
    half_after_h: float | None
    first_post_h: float | None
    silent_pages: tuple[str, ...]
    answered: int


def aftermath(
    episode: Episode,
    hourly: Sequence[tuple[datetime, int, float]],
    posts: Sequence[tuple[str, datetime]],
    answered: int,
    computed: datetime,
) -> Aftermath:
    """From hours (start, appeals, usual) of the episode and a day after it, and posts of the affected pages."""
    opened = episode.since - timedelta(hours=episode.window_h)
    during = [each for each in hourly if opened <= each[0] <= episode.active_at]
    peak_hour, peak, _ = max(during, key=lambda each: (each[1], -each[0].timestamp()), default=(episode.since, 0, 0.0))
    half = next((at for at, appeals, _ in hourly if at > peak_hour and 2 * appeals <= peak), None)
    first_posts: dict[str, datetime] = {}
    for page, at in sorted(posts, key=lambda each: each[1]):
        if at >= opened:
            first_posts.setdefault(page, at)
    first = min(first_posts.values(), default=None)
    silent = [
        page for page, _ in episode.pages if page not in first_posts or first_posts[page] - episode.since > POST_WITHIN
    ]
    return Aftermath(
        computed=computed,
        appeals=sum(appeals for _, appeals, _ in during),
        usual=sum(usual for _, _, usual in during),
        peak_hour=peak_hour,
        peak=peak,
        hours=(episode.active_at - episode.since).total_seconds() / 3600,
        half_after_h=None if half is None else (half - peak_hour).total_seconds() / 3600,
        first_post_h=None if first is None else (first - episode.since).total_seconds() / 3600,
        silent_pages=tuple(silent),
        answered=answered,
    )


def write_aftermath(client: Client, episode: Episode, found: Aftermath) -> None:
    """Write an aftermath; the latest one stands."""
    values = {
        name: int(value.timestamp()) if isinstance(value, datetime) else value
        for name, value in ((name, getattr(found, name)) for name in Aftermath.__struct_fields__)
    }
    row = {
        "id": episode.id,
        "series": episode.series,
        "level": episode.level,
        "since": int(episode.since.timestamp()),
        "aftermath": values,
    }
    client.raw_insert(
        "gospulse_data.spikes",
        column_names=list(row),
        insert_block=msgspec.json.encode(row),
        fmt="JSONEachRow",
        settings={"async_insert": 0, "wait_end_of_query": 1},
    )


def read_aftermath(client: Client, episode: Episode, places: Sequence[str], computed: datetime) -> Aftermath:
    """Compute the aftermath of a closed episode of these places from the views."""
    begin = (episode.since - timedelta(hours=episode.window_h)).replace(minute=0)
    end = episode.active_at + timedelta(hours=25)
    span: dict[str, Any] = {
        "begin": begin,
        "end": end,
        "places": list(places),
        "series": episode.series,
        "pages": [page for page, _ in episode.pages],
    }
    hours = client.query(
        "SELECT hour, sum(n), sum(usual) FROM ("
        "SELECT toStartOfHour(time) AS hour, toInt64(sum(appeals)) AS n, 0. AS usual FROM gospulse.appeals_5min "
        "WHERE time >= {begin:DateTime('UTC')} AND time < {end:DateTime('UTC')} AND place IN {places:Array(String)} "
        "GROUP BY hour UNION ALL "
        "SELECT hour, 0, toFloat64(expected) FROM gospulse_data.spike_expected FINAL WHERE series = {series:String} "
        "AND hour >= {begin:DateTime('UTC')} AND hour < {end:DateTime('UTC')}) GROUP BY hour ORDER BY hour",
        parameters=span,
    ).result_rows
    posts = client.query(
        "SELECT page, hour FROM gospulse.page_hour WHERE page IN {pages:Array(String)} AND post_published > 0 "
        "AND hour >= {begin:DateTime('UTC')} AND hour < {end:DateTime('UTC')}",
        parameters=span,
    ).result_rows
    answered = client.query(
        "SELECT countIf(first_answer_at IS NOT NULL) FROM gospulse.appeals "
        "WHERE received_at >= {begin:DateTime('UTC')} AND received_at < {until:DateTime('UTC')} "
        "AND place IN {places:Array(String)}",
        parameters=span | {"until": episode.active_at},
    ).result_rows[0][0]
    return aftermath(
        episode,
        [(_utc(hour), int(n), float(usual)) for hour, n, usual in hours],
        [(page, _utc(hour)) for page, hour in posts],
        int(answered),
        computed,
    )


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)
