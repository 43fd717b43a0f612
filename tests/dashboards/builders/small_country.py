"""A country small enough to count by hand: Moscow, Yekaterinburg, Kamchatka, and what their citizens wrote."""

from __future__ import annotations

from tests.schemas.builders.shown_log import DAY, MINUTE, Shown, progress, received, told
from tests.streams.builders.records import HOUR, T0, event, reading

MOSCOW, YEKATERINBURG, KAMCHATKA = "45382000", "65701000", "30701000"
#: The end of the period: 2026-03-02, 23:00 in Moscow. T0 is 11:00 there, a Monday.
NOW = T0 + 12 * HOUR
POST = "vk:1_77"


def fill(log: Shown) -> None:
    """Appeals of nine weeks, answers, posts, readings, a register of four pages."""
    weeks = [
        received(f"week {week} {i}", T0 - 7 * DAY * week + i * MINUTE, page="vk:1")
        for week in range(1, 9)
        for i in range(week)
    ]
    today = [
        *(received(f"page {i}", T0 + i * MINUTE, topic="roads.repair", object=POST) for i in range(6)),
        *(received(f"other {i}", T0 + i * MINUTE, entrance="social_other", page=None) for i in range(4)),
        *(received(f"east {i}", T0 + i * MINUTE, place=YEKATERINBURG, page="vk:2") for i in range(3)),
    ]
    # The last millisecond of a local day, and the first of the next.
    midnights = [
        received(f"{place} {edge}", midnight + edge, place=place, page=page)
        for place, page, midnight in (
            (MOSCOW, "vk:1", T0 - 11 * HOUR),
            (YEKATERINBURG, "vk:2", T0 - 13 * HOUR),
            (KAMCHATKA, "vk:3", T0 - 20 * HOUR),
        )
        for edge in (-1, 0)
    ]
    # Their limit of 24 hours ends within the last day.
    due = [received(f"due {i}", T0 - DAY + i * MINUTE, page="vk:1") for i in range(10)]
    log.append(*sorted(weeks + due + midnights + today))
    log.append(
        *(told("answered", f"due {i}", T0 - DAY + i * MINUTE + 2 * HOUR) for i in range(7)),
        told("answered", "due 7", T0 - DAY + 7 * MINUTE + 30 * HOUR),
        event("post", "post_published", object=POST, at=T0),
        event("like", "reaction_added", amount=5, at=T0),
        partition=1,
        appended=NOW,
    )
    log.append(reading("views", metric="views", value=100, period_from=T0 - 11 * HOUR, period_to=T0 + 13 * HOUR), log=2)
    log.client.command("TRUNCATE TABLE gospulse_data.logs")
    log.client.command("INSERT INTO gospulse_data.logs VALUES ('id-of-events', 'events', 1, 2, now64(3))")
    for part in (0, 1):
        log.tell(progress(folded=100, end=100, heartbeat=NOW, complete=NOW, part=part))
    log.client.command("TRUNCATE TABLE gospulse_data.pages")
    log.client.command(
        "INSERT INTO gospulse_data.pages (page, valid_from, state, name, kind, place) VALUES "
        f"('vk:1', '1970-01-01', 'in force', 'Школа № 1', 'education', '{MOSCOW}'), "
        f"('vk:9', '1970-01-01', 'in force', 'Больница', 'health', '{MOSCOW}'), "
        f"('vk:2', '1970-01-01', 'in force', 'Школа № 2', 'education', '{YEKATERINBURG}'), "
        f"('vk:3', '1970-01-01', 'in force', 'Школа № 3', 'education', '{KAMCHATKA}')"
    )
    log.refresh()
