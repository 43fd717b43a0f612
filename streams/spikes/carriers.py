"""What carries a spike: pages, topics, entrances, distinct authors; and its nature and reason in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from clickhouse_connect.driver.client import Client
from msgspec import Struct

Nature = Literal["spike", "one_author", "bulk_entry"]
Counted = tuple[tuple[str, int], ...]

#: Fewer distinct accounts alert nobody.
LEAST_AUTHORS: Final = 3
#: One account that wrote this share of a window is what happened there.
_ONE_AUTHOR: Final = 0.5
#: Appeals of one entrance that is not a public page, this share of them within five minutes: somebody typed them in.
_BULK: Final = 0.6
#: Entrances through which offices enter appeals for citizens.
_ENTERED: Final = frozenset({"office", "phone", "email", "portal", "pos_widget", "app", "other"})
_MOST_NAMED: Final = 5


class Carriers(Struct, frozen=True):
    """The appeals of one series in one window, by what they have in common, most appeals first."""

    appeals: int
    pages: Counted
    topics: Counted
    entrances: Counted
    #: Distinct accounts; appeals without one count as one each.
    authors: int
    #: Most appeals of one account.
    by_one: int
    #: Most appeals of one entrance within five minutes, and that entrance.
    burst: int
    burst_entrance: str


def nature_of(carriers: Carriers) -> Nature:
    """What the jump is. Bulk entry is judged first: whoever types in for others has one account or none."""
    if carriers.appeals and carriers.burst_entrance in _ENTERED and carriers.burst >= _BULK * carriers.appeals:
        return "bulk_entry"
    if carriers.appeals and carriers.by_one >= _ONE_AUTHOR * carriers.appeals and carriers.by_one > 1:
        return "one_author"
    return "spike"


def is_pushed(carriers: Carriers) -> bool:
    """Whether the jump alerts anybody: at least three accounts, and nobody's bulk entry."""
    return nature_of(carriers) == "spike" and carriers.authors >= LEAST_AUTHORS


def reason(
    name: str, window_h: int, observed: int, expected: float, carriers: Carriers, names: Mapping[str, str]
) -> str:
    """What happened, in Russian, for the duty officer. ``names`` are those of pages, topics and entrances by code."""
    usual = f"{expected:.1f}".replace(".", ",")
    hours = {1: "за час", 3: "за 3 часа", 6: "за 6 часов", 24: "за сутки"}[window_h]
    text = f"{name}: {hours} {messages(observed)}, обычно {usual}."
    nature = nature_of(carriers)
    if nature == "one_author":
        return text + f" Один автор написал {carriers.by_one} из {carriers.appeals}."
    if nature == "bulk_entry":
        entrance = names.get(carriers.burst_entrance, carriers.burst_entrance)
        return text + f" Массовый ввод: {messages(carriers.burst)} за пять минут через «{entrance}»."

    def listed(counted: Counted) -> str:
        return ", ".join(f"{names.get(code, code)} ({n})" for code, n in counted[:3])

    if carriers.topics:
        text += f" Темы: {listed(carriers.topics)}."
    if carriers.pages:
        text += f" Страницы: {listed(carriers.pages)}."
    return text + f" Разных авторов: {carriers.authors}."


def messages(n: int) -> str:
    """So many messages, in Russian: 1 сообщение, 2 сообщения, 5 сообщений."""
    if n % 10 == 1 and n % 100 != 11:
        return f"{n} сообщение"
    few = n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14)
    return f"{n} сообщения" if few else f"{n} сообщений"


def read_names(client: Client, carriers: Carriers) -> dict[str, str]:
    """Names of the pages, topics and entrances that carry a spike, by code; codes without a name are left out."""
    codes = [code for counted in (carriers.pages, carriers.topics, carriers.entrances) for code, _ in counted]
    rows = client.query(
        "SELECT page, name FROM gospulse.pages WHERE page IN {codes:Array(String)} AND name IS NOT NULL UNION ALL "
        "SELECT topic, name FROM gospulse.topics WHERE topic IN {codes:Array(String)} UNION ALL "
        "SELECT entrance, name FROM gospulse.entrances WHERE entrance IN {codes:Array(String)}",
        parameters={"codes": [*codes, carriers.burst_entrance]},
    ).result_rows
    return {str(code): str(name) for code, name in rows if name}


def read_carriers(client: Client, generation: int, places: Sequence[str], begin: datetime, end: datetime) -> Carriers:
    """The appeals of some places received from ``begin`` (inclusive) to ``end`` (exclusive), UTC."""
    table = f"gospulse_data.appeals_g{generation}"
    inside = (
        "tupleElement({0}, 'at') >= {{begin:DateTime('UTC')}} AND tupleElement({0}, 'at') < {{end:DateTime('UTC')}} "
        "AND tupleElement({0}, 'place') IN {{places:Array(String)}}"
    )
    rows = client.query(
        f"WITH f AS (SELECT appeal, min(first) AS fact FROM {table} "
        f"WHERE appeal IN (SELECT appeal FROM {table} WHERE {inside.format('first')}) GROUP BY appeal), "
        f"l AS (SELECT appeal, max(life) AS fate FROM gospulse_data.lives_g{generation} "
        "WHERE appeal IN (SELECT appeal FROM f) GROUP BY appeal) "
        "SELECT tupleElement(fact, 'page'), coalesce(tupleElement(fate, 'topic'), tupleElement(fact, 'topic')), "
        "tupleElement(fact, 'entrance'), coalesce(tupleElement(fact, 'author'), f.appeal), "
        "intDiv(toUnixTimestamp(toDateTime(tupleElement(fact, 'at'))), 300), count() "
        f"FROM f LEFT JOIN l ON l.appeal = f.appeal WHERE {inside.format('fact')} GROUP BY 1, 2, 3, 4, 5",
        parameters={"begin": begin, "end": end, "places": list(places)},
    ).result_rows
    return carriers_of(rows)


def carriers_of(rows: Sequence[Sequence[Any]]) -> Carriers:
    """From (page or None, topic or None, entrance, author, number of five minutes, appeals)."""
    pages: dict[Any, int] = {}
    topics: dict[Any, int] = {}
    entrances: dict[Any, int] = {}
    authors: dict[Any, int] = {}
    bursts: dict[Any, int] = {}
    total = 0
    for page, topic, entrance, author, minutes, appeals in rows:
        total += appeals
        for tally, key in (
            (pages, page),
            (topics, topic),
            (entrances, entrance),
            (authors, author),
            (bursts, (entrance, minutes)),
        ):
            if key is not None:
                tally[key] = tally.get(key, 0) + appeals
    burst = max(bursts.items(), key=lambda each: each[1], default=(("", 0), 0))
    return Carriers(
        appeals=total,
        pages=_most(pages),
        topics=_most(topics),
        entrances=_most(entrances),
        authors=len(authors),
        by_one=max(authors.values(), default=0),
        burst=burst[1],
        burst_entrance=burst[0][0],
    )


def _most(tally: dict[Any, int]) -> Counted:
    return tuple(sorted(tally.items(), key=lambda each: (-each[1], each[0]))[:_MOST_NAMED])
