"""The report: what came in during the last days, how complete that is, and whether the two routes agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from deploy.clickhouse.answers import ask
from schemas.contract.events import ENTRANCES

#: A row of a section: column name -> JSON value.
Row = dict[str, Any]

_LAST_DAY: Final = """
SELECT max(day) AS last FROM (
    SELECT toDate(max(hour), 'Europe/Moscow') AS day FROM gospulse.place_hour
    UNION ALL SELECT max(day) FROM gospulse.outside_totals WHERE day IS NOT NULL
)"""

_COUNTS: Final = ", ".join(f"countIf(entrance = '{entrance}') AS {entrance}" for entrance in ENTRANCES)

#: Section -> question; {since} and {until} are days, the last one included.
_SECTIONS: Final[Mapping[str, str]] = {
    # Days are Moscow's: the country has one calendar.
    "appeals_by_day": f"""
SELECT toDate(received_at, 'Europe/Moscow') AS day, count() AS appeals, {_COUNTS},
    countIf(first_answer_at IS NOT NULL) AS answered, countIf(withdrawn_at IS NOT NULL) AS withdrawn,
    if(public_page + social_other = 0, NULL, public_page / (public_page + social_other)) AS share
FROM gospulse.appeals WHERE {{received}} GROUP BY day ORDER BY day""",
    # Unmatched: a reply that names no appeal, message or thread that is known, or none of its thread was open.
    "answers": """
SELECT source, names, count() AS answers, countIf(appeal IS NULL) AS unmatched
FROM gospulse.answers WHERE {given} GROUP BY source, names
ORDER BY unmatched DESC, answers DESC, source, names LIMIT 20""",
    "outside_totals_by_day": """
SELECT day, entrance, sum(value) AS appeals, max(observed_at) AS observed_at
FROM gospulse.outside_totals WHERE day BETWEEN '{since}' AND '{until}' GROUP BY day, entrance ORDER BY day, entrance""",
    # The share of the whole country needs the totals that other systems counted, too; here days are local.
    "share_by_day": """
SELECT day, sum(s.numerator) AS numerator, sum(s.denominator) AS denominator,
    if(denominator = 0, NULL, numerator / denominator) AS share, sumIf(s.denominator, s.others_heard) AS covered
FROM gospulse.share_day AS s WHERE day BETWEEN '{since}' AND '{until}' GROUP BY day ORDER BY day""",
    "top_places": """
SELECT a.place AS place, p.name AS name, p.region_name AS region, a.appeals AS appeals,
    if(p.population > 0, round(a.appeals / p.population * 10000, 2), NULL) AS per_10k
FROM (SELECT place, count() AS appeals FROM gospulse.appeals WHERE {received} GROUP BY place) AS a
LEFT JOIN gospulse.places AS p ON a.place = p.place
ORDER BY appeals DESC, place LIMIT 10 SETTINGS join_use_nulls = 1""",
    "top_topics": """
SELECT a.topic AS topic, t.name AS name, a.appeals AS appeals
FROM (SELECT ifNull(topic, '') AS topic, count() AS appeals FROM gospulse.appeals WHERE {received} GROUP BY topic) AS a
LEFT JOIN gospulse.topics AS t ON a.topic = t.topic
ORDER BY appeals DESC, topic LIMIT 10 SETTINGS join_use_nulls = 1""",
    "engagement": """
SELECT ifNull(network, '') AS network, uniqExact(page) AS pages, sum(post_published) AS posts,
    sum(comment_added) AS comments, toInt64(sum(reaction_added)) - toInt64(sum(reaction_removed)) AS reactions,
    sum(repost_added) AS reposts, sum(vote_added) AS votes,
    toInt64(sum(subscriber_joined)) - toInt64(sum(subscriber_left)) AS subscribers
FROM gospulse.page_day WHERE day BETWEEN '{since}' AND '{until}' GROUP BY network ORDER BY pages DESC, network""",
    "active_accounts": """
SELECT day, network, accounts
FROM gospulse.people_country_day WHERE day BETWEEN '{since}' AND '{until}' ORDER BY day, network""",
    "freshness": """
SELECT topic, count() AS partitions, sum(lag) AS lag,
    if(countIf(complete_until IS NULL) = 0, min(complete_until), NULL) AS complete_until,
    max(heartbeat_age_s) AS oldest_heartbeat_s, countIf(stopped != '') AS stopped
FROM (SELECT DISTINCT topic, log, part, lag, complete_until, heartbeat_age_s, ifNull(stopped, '') AS stopped
      FROM gospulse.freshness) GROUP BY topic, log ORDER BY log""",
    "rollups": "SELECT * FROM gospulse.rollups ORDER BY rollup",
    "reconciliation": """
SELECT sum(counted) AS counted, sum(facts) AS facts, sum(difference) AS repeats_beyond_the_window
FROM gospulse.reconciliation""",
    "rejected": """
SELECT stage, field, count() AS records
FROM gospulse.rejected GROUP BY stage, field ORDER BY records DESC LIMIT 10""",
}


class Report(Struct, frozen=True):
    """The days that it covers (ISO, both included; None where nothing was received yet) and the rows by section."""

    since: str | None
    until: str | None
    sections: dict[str, list[Row]]


def gather(client: Client, days: int) -> Report:
    """Ask for the last ``days`` days that have anything. Raises :class:`deploy.clickhouse.answers.QueryError`."""
    last = _rows(client, _LAST_DAY)[0]["last"]
    if last in (None, "1970-01-01"):
        return Report(None, None, {})
    since = _rows(client, f"SELECT toDate('{last}') - {days - 1} AS since")[0]["since"]
    received = (
        f"received_at >= toDateTime64('{since} 00:00:00', 3, 'Europe/Moscow') "
        f"AND received_at < toDateTime64(toString(toDate('{last}') + 1) || ' 00:00:00', 3, 'Europe/Moscow')"
    )
    given = received.replace("received_at", "at")
    return Report(
        since,
        last,
        {
            name: _rows(client, question.format(since=since, until=last, received=received, given=given))
            for name, question in _SECTIONS.items()
        },
    )


def _rows(client: Client, sql: str) -> list[Row]:
    answer = ask(client, sql)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
