"""Compares the figures of the share with those that sources reported, by a reading of the register of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from msgspec import Struct

from streams.verify.compare.made_of import shown
from streams.verify.findings import Findings
from streams.verify.stored.tables import ON_DISK, StoredRows

TABLE: Final = "share_day"
FACTS: Final = "facts"
_FIGURES: Final = ("public_page", "social_other")
_LAST_DAY: Final = "9999-12-31"

#: Figure, source, value, when it was observed (ms UTC).
Report = tuple[str, str, int, int]


class Rule(Struct, frozen=True):
    """A row of the register with its validity: local days (ISO), the end exclusive."""

    entrance: str
    prefix: str
    source: str
    begin: str
    end: str
    rank: int


def compare_share(findings: Findings, stored: StoredRows, since: str) -> None:
    """Compare both figures of every municipality and local day from ``since`` (ISO) on."""
    rules = _rules(stored)
    found = {
        (day, place): tuple(said)
        for day, place, *said in stored.values(
            "SELECT toString(day), toString(place), numerator, toString(numerator_source), social_other, "
            f"toString(social_other_source), sources FROM ({shown(stored, TABLE, TABLE, 'day')}) "
            f"WHERE toString(day) >= '{since}'"
        )
    }
    for (day, place), reports in _reported(stored, since):
        expected = standing(rules, place, day, reports)
        stood = found.pop((day, place), None)
        if expected == stood:
            findings.count(findings.compared, TABLE)
        elif expected is not None or stood is not None:
            findings.differ(TABLE, f"{day} {place}", expected and str(expected), stood and str(stood))
    for (day, place), stood in sorted(found.items()):
        findings.differ(TABLE, f"{day} {place}", None, str(stood))


def standing(
    rules: Sequence[Rule], place: str, day: str, reports: Sequence[Report]
) -> tuple[int, str, int, str, int] | None:
    """Numerator and its source, social_other and its source, the most sources of one figure; None where none counts."""
    counted: list[int] = []
    said: list[int | str] = []
    for figure in _FIGURES:
        ranked = [
            (rank, -observed, source, value)
            for name, source, value, observed in reports
            if name == figure and (rank := _rank(rules, figure, place, day, source)) > 0
        ]
        counted.append(len(ranked))
        said += [min(ranked)[3], min(ranked)[2]] if ranked else [0, ""]
    if not any(counted):
        return None
    numerator, source, others, of_others = said
    return int(numerator), str(source), int(others), str(of_others), max(counted)


def _rank(rules: Sequence[Rule], figure: str, place: str, day: str, source: str) -> int:
    """The rank of a source, 1 first; 0 where it does not count."""
    applying = [
        rule
        for rule in rules
        if rule.entrance in ("", figure) and place.startswith(rule.prefix) and rule.begin <= day < rule.end
    ]
    if not applying:
        return 1 if source == FACTS else 2
    closest = max((rule.entrance != "", len(rule.prefix)) for rule in applying)
    return next(
        (r.rank for r in applying if r.source == source and (r.entrance != "", len(r.prefix)) == closest),
        0,
    )


def _rules(stored: StoredRows) -> list[Rule]:
    rows = stored.values(
        "SELECT toString(entrance), place_prefix, source, toString(valid_from), argMax(ifNull(rank, 0), written_at) "
        "FROM gospulse_data.precedence WHERE metric = 'appeals' "
        "GROUP BY entrance, place_prefix, source, valid_from ORDER BY entrance, place_prefix, source, valid_from"
    )
    rules: list[Rule] = []
    for (entrance, prefix, source), points in groupby(rows, key=itemgetter(0, 1, 2)):
        of_key = list(points)
        ends = [*(point[3] for point in of_key[1:]), _LAST_DAY]
        rules += [
            Rule(entrance, prefix, source, point[3], end, point[4])
            for point, end in zip(of_key, ends, strict=True)
            if point[4]
        ]
    return rules


def _reported(stored: StoredRows, since: str) -> Iterator[tuple[tuple[str, str], list[Report]]]:
    """What each source reported, by local day and place."""
    days = shown(stored, "place_day", "place_day", "day")
    facts = " UNION ALL ".join(
        f"SELECT toString(day) AS d, toString(place) AS p, '{figure}' AS f, '{FACTS}' AS s, "
        f"appeals_{figure} AS v, 0 AS o FROM ({days}) WHERE appeals_{figure} > 0"
        for figure in _FIGURES
    )
    totals = (
        "SELECT toString(day), toString(place), toString(entrance), toString(source), appeals, "
        f"toUnixTimestamp64Milli(observed_at) FROM ({shown(stored, 'totals', 'place_hour', _HOUR)}) "
        f"WHERE day > toDate(0) AND entrance IN {_FIGURES}"
    )
    rows = stored.values(
        f"SELECT * FROM ({facts} UNION ALL {totals}) WHERE d >= '{since}' ORDER BY d, p",
        ON_DISK,
    )
    for (day, place), group in groupby(rows, key=itemgetter(0, 1)):
        yield (day, place), [(figure, source, value, observed) for _, _, figure, source, value, observed in group]


_HOUR: Final = "toStartOfHour(r.period_from)"
