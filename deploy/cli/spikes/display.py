"""Episodes, explanations and quality of the spike detector in the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from deploy.cli.tables import show
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, UserError
from deploy.settings import Settings

_LIST = (
    "SELECT id, level, ifNull(name, series) AS place, since, state, observed, round(expected, 1) AS usual, window_h, "
    "best_alarms, push, nature, ifNull(decision, '') AS decision FROM gospulse.spikes "
    "WHERE state = 'open' OR ({closed:Bool} AND since >= {oldest:DateTime('UTC')}) "
    "ORDER BY state = 'closed', best_alarms LIMIT 200"
)


def print_list(settings: Settings, *, include_closed: bool, days: int, as_json: bool) -> int:
    """Open episodes, the most unusual first."""
    with clickhouse(settings.clickhouse) as client:
        found = client.query(
            _LIST, parameters={"closed": include_closed, "oldest": datetime.now(UTC) - timedelta(days=days)}
        )
    if as_json:
        whole = [dict(zip(found.column_names, row, strict=True)) for row in found.result_rows]
        print(json.dumps(whole, ensure_ascii=False, default=str, indent=1))
        return GOOD
    if not found.result_rows:
        print("No episode is open." if not include_closed else f"No episode in the last {days} days.")
        return GOOD
    rows = [
        (
            key,
            level,
            place,
            f"{since:%d.%m %H:%M}",
            state,
            f"{observed} in {window} h",
            usual,
            _alarms(alarms),
            _sort(*rest),
        )
        for key, level, place, since, state, observed, usual, window, alarms, *rest in found.result_rows
    ]
    columns = ("id", "level", "place", "since (UTC)", "state", "observed", "usual", "false alarms a day", "")
    show(columns, rows, right=("usual", "false alarms a day"))
    return GOOD


def _alarms(value: float) -> str:
    return f"{value:.0e}" if value < 0.001 else f"{value:.3f}"


def _sort(push: bool, nature: str, decision: str) -> str:
    return ", ".join(
        filter(None, ["" if nature == "spike" else nature.replace("_", " "), "" if push else "not pushed", decision])
    )


def print_episode(settings: Settings, episode: str) -> int:
    """Everything that is known of an episode. Exit code 1 where there is none."""
    with clickhouse(settings.clickhouse) as client:
        found = client.query("SELECT * FROM gospulse.spikes WHERE id = {id:String}", parameters={"id": episode})
        if not found.result_rows:
            raise UserError(f"there is no episode {episode}: see `gospulse spikes list --all`", FAILURE)
        row = dict(zip(found.column_names, found.result_rows[0], strict=True))
        # Whoever has a shell needs no links, and whoever reads over a shoulder must not have them.
        row = {name: value for name, value in row.items() if not name.endswith("_link")}
        width = max(map(len, row))
        for name, value in row.items():
            print(f"{name:<{width}}  {_text(value)}")
        _print_hours(client, row["series"], row["since"].replace(tzinfo=UTC) + timedelta(hours=1))
    return GOOD


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, (list, tuple)):
        pairs = [tuple(each.values()) if isinstance(each, dict) else each for each in value]
        return ", ".join(f"{each[0]} ({each[1]})" if isinstance(each, tuple) else str(each) for each in pairs) or "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def print_explanation(settings: Settings, series: str, at: datetime | None) -> int:
    """Verdict, observed against usual hour by hour, what carries it, what neighbours do, whether the feeds work."""
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    with clickhouse(settings.clickhouse) as client:
        if not _print_hours(client, series, moment):
            raise UserError(
                f"nothing is expected of {series} at {moment:%Y-%m-%d %H:%M} UTC: "
                "the detector did not run that night, or has no such series",
                FAILURE,
            )
        span = {"series": series, "begin": moment - timedelta(hours=24), "end": moment}
        _print_verdict(client, span)
        for what, column in (("Pages", "page"), ("Topics", "topic"), ("Entrances", "entrance")):
            rows = client.query(
                f"SELECT ifNull(toString({column}), '-'), sum(appeals) AS n FROM gospulse.appeals_5min WHERE {_INSIDE} "
                f"AND time >= {{begin:DateTime('UTC')}} AND time < {{end:DateTime('UTC')}} "
                "GROUP BY 1 ORDER BY n DESC LIMIT 5",
                parameters=span,
            ).result_rows
            print(f"{what} of the last 24 hours: " + (", ".join(f"{key} ({n})" for key, n in rows) or "none"))
        _print_above(client, span)
        neighbours = client.query(
            "SELECT ifNull(name, series), state, observed, expected FROM gospulse.spikes "
            "WHERE series != {series:String} "
            "AND since <= {end:DateTime('UTC')} AND (closed_at IS NULL OR closed_at > {end:DateTime('UTC')}) "
            "ORDER BY best_alarms LIMIT 5",
            parameters=span,
        ).result_rows
        print("Episodes elsewhere: " + (", ".join(f"{n} ({o} of {e:.1f})" for n, _, o, e in neighbours) or "none"))
        feeds = client.query(
            "SELECT source, silent_s FROM gospulse.sources WHERE up = false OR silent_s > 3600"
        ).result_rows
        print(
            "Feeds that are down or silent for an hour, now: "
            + (", ".join(f"{s} ({t / 3600:.1f} h)" for s, t in feeds) or "none")
        )
    return GOOD


def _print_verdict(client: Client, span: dict[str, Any]) -> None:
    """Whether an episode was open, with its reason."""
    rows = client.query(
        "SELECT id, since, push, nature, reason FROM gospulse.spikes WHERE series = {series:String} "
        "AND since <= {end:DateTime('UTC')} AND (closed_at IS NULL OR closed_at > {end:DateTime('UTC')}) "
        "ORDER BY since DESC LIMIT 1",
        parameters=span,
    ).result_rows
    if not rows:
        print("No episode is open: nothing is unusual enough, or the place is silent for 24 hours after an alert.")
    for key, since, push, nature, reason in rows:
        told = "alerted" if push else f"alerts nobody ({nature if nature != 'spike' else 'fewer than three accounts'})"
        print(f"Episode {key} since {since:%d.%m %H:%M} UTC, {told}: {reason}")


def _print_above(client: Client, span: dict[str, Any]) -> None:
    """What the region and the country do: a rise of all of them explains that of the place."""
    rows = client.query(
        "SELECT region FROM gospulse.places WHERE place = {series:String} AND region IS NOT NULL", parameters=span
    ).result_rows
    told = []
    for series, name in [*((row[0], "region") for row in rows), ("RU", "country")]:
        ((usual, observed),) = client.query(
            "SELECT (SELECT sum(expected) FROM gospulse_data.spike_expected FINAL WHERE series = {series:String} "
            "AND hour >= toStartOfHour({begin:DateTime('UTC')}) AND hour < toStartOfHour({end:DateTime('UTC')})), "
            f"(SELECT sum(appeals) FROM gospulse.appeals_5min WHERE {_INSIDE} "
            "AND time >= toStartOfHour({begin:DateTime('UTC')}) AND time < toStartOfHour({end:DateTime('UTC')}))",
            parameters=span | {"series": series},
        ).result_rows
        if usual and series != span["series"]:
            told.append(f"{name} {observed or 0} of {usual:.0f} usual")
    print("Above it, in 24 full hours: " + (", ".join(told) or "nothing is expected"))


#: Rows of appeals_5min that belong to a series.
_INSIDE = (
    "(place = {series:String} OR region = {series:String} OR {series:String} = 'RU' OR region IN "
    "(SELECT region FROM gospulse.regions WHERE federal_district = {series:String}))"
)
_BARS = " ▁▂▃▄▅▆▇█"


def _print_hours(client: Client, series: str, moment: datetime) -> bool:
    """A small plot of 36 hours up to a moment: observed, usual, and hours above the interval. False without any."""
    begin = moment.replace(minute=0, second=0, microsecond=0) - timedelta(hours=35)
    rows = client.query(
        "SELECT e.hour, e.expected, e.low, e.high, o.n FROM (SELECT hour, expected, low, high FROM "
        "gospulse_data.spike_expected FINAL WHERE series = {series:String} AND hour >= {begin:DateTime('UTC')} "
        "AND hour <= {end:DateTime('UTC')}) AS e LEFT JOIN (SELECT toStartOfHour(time) AS hour, sum(appeals) AS n "
        f"FROM gospulse.appeals_5min WHERE {_INSIDE} AND time >= {{begin:DateTime('UTC')}} "
        "AND time < {end:DateTime('UTC')} GROUP BY hour) AS o ON e.hour = o.hour ORDER BY e.hour",
        parameters={"series": series, "begin": begin, "end": moment},
    ).result_rows
    if not rows:
        return False
    most = max(max(float(row[3]), float(row[4])) for row in rows) or 1.0

    def bar(value: float) -> str:
        return _BARS[min(8, round(8 * float(value) / most))]

    print(f"{series}, {rows[0][0]:%d.%m %H:00} to {rows[-1][0]:%d.%m %H:00} UTC, at most {most:.0f} an hour")
    print("  observed  " + "".join(bar(row[4]) for row in rows))
    print("  usual     " + "".join(bar(row[1]) for row in rows))
    print("  above 95% " + "".join("^" if row[4] > row[3] else " " for row in rows))
    for hour, expected, low, high, observed in rows[-6:]:
        print(f"  {hour:%d.%m %H:00}  observed {observed}, usual {expected:.1f} ({low:.0f} to {high:.0f})")
    return True


def print_quality(settings: Settings) -> int:
    """Alerts of the last 90 days by decision, health of the last week. Exit code 1 without a heartbeat."""
    with clickhouse(settings.clickhouse) as client:
        counts = client.query(
            "SELECT level, count(), countIf(push), countIf(decision = 'confirm'), countIf(decision = 'dismiss') "
            "FROM gospulse.spikes WHERE since >= now() - INTERVAL 90 DAY GROUP BY level ORDER BY level"
        ).result_rows
        health = client.query("SELECT * FROM gospulse.spike_health")
    show(("level, 90 days", "episodes", "pushed", "confirmed", "dismissed"), counts)
    row = dict(zip(health.column_names, health.result_rows[0], strict=True))
    for name, value in row.items():
        print(f"{name:<24} {_text(value)}")
    return GOOD if row["alive"] else FAILURE
