"""The running detector: it learns once a night, evaluates every five minutes, and writes what it finds.

An evaluation is a function of the counts, of the night and of the episodes before it. The same evaluation again writes
the same rows, and a restart raises nothing: open episodes are read back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import numpy as np
from clickhouse_connect.driver.client import Client
from msgspec import Struct
from scipy.stats import nbinom

from streams.spikes.aftermath import read_aftermath, write_aftermath
from streams.spikes.carriers import Carriers, is_pushed, nature_of, read_carriers, read_names, reason
from streams.spikes.counts import (
    Territory,
    complete_until,
    known_hours,
    read_history,
    read_recent_hours,
    read_territory,
)
from streams.spikes.decision import SILENT_MINUTES, WATCH
from streams.spikes.detector import (
    HISTORY_HOURS,
    Evaluation,
    Night,
    evaluate,
    expected_hours,
    first_hours_of_week,
    learn_night,
    q_of,
)
from streams.spikes.episodes import Episode, identity, read_recent, watchers_of, write_episodes, write_links
from streams.spikes.hierarchy import COUNTRY, Level
from streams.spikes.links import Signer
from streams.spikes.score import LOOKS
from streams.spikes.series import RECENT_HOURS, WINDOWS, Bools

log = logging.getLogger(__name__)

#: Minutes between evaluations: the grid on which they lie.
STEP_MINUTES: Final = 5
#: Hour of the night (UTC) at which the detector learns: 04:00 in Moscow, when least is written.
LEARN_HOUR: Final = 1
#: A night that tests nothing is learnt again after so long.
_LEARN_AGAIN_MINUTES: Final = 60
#: While the counts lag by more, nothing is evaluated: a late flood is no spike.
MOST_LAG: Final = timedelta(minutes=60)
#: The aftermath is computed when an episode has been closed for so long.
AFTERMATH_AFTER: Final = timedelta(hours=24)


class Knobs(Struct, frozen=True, kw_only=True):
    """What an operator may set."""

    #: False alerts a week that the country can bear, 0.1 to 70.
    false_alerts_a_week: float = 7.0
    #: A window of fewer appeals alerts nobody, 1 to 100.
    minimum: int = 3
    #: Levels that may alert.
    levels: tuple[str, ...] = ("municipality", "region", "district", "country")


class Learnt(Struct, frozen=True):
    """A night with the territory that it learnt and the hours that counted."""

    day: int
    territory: Territory
    night: Night

    @property
    def hour(self) -> int:
        """When it learnt (hours since 1970, UTC)."""
        return self.day * 24 + LEARN_HOUR

    def tests_nothing(self) -> bool:
        """Whether no series has two weeks of history."""
        return not (self.night.expectation.level > 0).any()


class Detector:
    """Evaluates moments against one ClickHouse. ``generation`` is that of the facts that carriers are read from.

    With a ``signer`` an episode that opens gets links with which officers decide about it.
    """

    def __init__(
        self, client: Client, generation: Callable[[Client], int], knobs: Knobs, signer: Signer | None = None
    ) -> None:
        self._client = client
        self._signer = signer
        self._generation = generation
        self._knobs = knobs
        self._learnt: Learnt | None = None
        #: The evaluation before which it was learnt (minutes since 1970, UTC).
        self._learnt_at = 0
        #: Series that came below the watch level, and when they were there last (minutes since 1970).
        self._below: dict[str, int] = {}

    def evaluate(self, at: datetime, *, hold_late: bool = True) -> list[Episode]:
        """Evaluate a moment (UTC; cut to the grid) and write the result. Returns the episodes that it touched.

        With ``hold_late`` nothing is evaluated while the counts are not complete until an hour before it. Raises
        ClickHouseError or OSError where ClickHouse does not answer.
        """
        started = time.monotonic()
        minute = int(at.timestamp()) // 60 // STEP_MINUTES * STEP_MINUTES
        moment = datetime.fromtimestamp(minute * 60, UTC)
        if hold_late:
            until = complete_until(self._client)
            if until is None or moment - until > MOST_LAG:
                held = (
                    "Nobody knows until when the counts are complete." if until is None else f"Complete until {until}."
                )
                self._write_health(moment, started, held=held)
                return []
        learnt = self._of_night(minute)
        tree = learnt.territory.tree
        observed = read_recent_hours(self._client, learnt.territory, minute, learnt.hour)
        usual = expected_hours(learnt.night, tree, minute)
        known = known_hours(self._client, learnt.territory, observed, usual, minute - RECENT_HOURS * 60)
        found = evaluate(
            learnt.night,
            observed * known,
            usual * known,
            tree,
            q=q_of(self._knobs.false_alerts_a_week),
            minimum=self._knobs.minimum,
            looks=LOOKS[STEP_MINUTES],
        )
        allowed = np.array([level.value in self._knobs.levels for level in tree.levels])
        touched = self._episodes(learnt, moment, minute, found, found.alert & allowed)
        if self._signer is not None:
            # Before the episode: an alert is never without its links.
            write_links(self._client, [each for each in touched if each.since == moment], self._signer)
        write_episodes(self._client, touched)
        self._follow_up(learnt, moment)
        self._write_health(moment, started, found, known)
        return touched

    def _of_night(self, minute: int) -> Learnt:
        day = (minute // 60 - LEARN_HOUR) // 24
        known = self._learnt
        # History may be imported while the detector runs: a night that tests nothing is learnt again.
        again = known is not None and known.tests_nothing() and minute - self._learnt_at >= _LEARN_AGAIN_MINUTES
        if known is None or known.day != day or again:
            known = self._learn(day)
            self._learnt, self._learnt_at = known, minute
        return known

    def _learn(self, day: int) -> Learnt:
        started = time.monotonic()
        hour = day * 24 + LEARN_HOUR
        at = datetime.fromtimestamp(hour * 3600, UTC)
        territory = read_territory(self._client, at)
        begin = hour - HISTORY_HOURS
        counts, exposure = read_history(self._client, territory, begin, hour)
        night = learn_night(counts, exposure, hour, territory.tree)
        learnt = Learnt(day, territory, night)
        self._write_expected(learnt, hour)
        log.info("Learnt %s series of the night of %s in %.1f s.", len(counts), at.date(), time.monotonic() - started)
        return learnt

    def _episodes(
        self, learnt: Learnt, moment: datetime, minute: int, found: Evaluation, alert: Bools
    ) -> list[Episode]:
        tree = learnt.territory.tree
        before = read_recent(self._client, moment)
        watchers = watchers_of(before, tree)
        was_open = watchers.since >= 0
        opens, closes = watchers.step(minute, found.alarms, alert)
        touched = []
        for row in np.nonzero(opens | was_open)[0]:
            code = tree.codes[row]
            old = None if opens[row] else before[code]
            carriers = self._carriers(learnt, int(row), moment, WINDOWS[found.window[row]])
            touched.append(
                _episode(
                    learnt,
                    int(row),
                    moment,
                    found,
                    carriers,
                    old,
                    closed=bool(closes[row]),
                    alert=bool(alert[row]),
                    active=datetime.fromtimestamp(int(watchers.active[row]) * 60, UTC),
                    name=self._name(code),
                    names=read_names(self._client, carriers),
                )
            )
        return touched

    def _carriers(self, learnt: Learnt, row: int, moment: datetime, window_h: int) -> Carriers:
        places = places_of(learnt.territory, row)
        return read_carriers(
            self._client, self._generation(self._client), places, moment - timedelta(hours=window_h), moment
        )

    def _name(self, code: str) -> str:
        rows = self._client.query(
            "SELECT name FROM gospulse.places WHERE place = {code:String} AND name IS NOT NULL UNION ALL "
            "SELECT name FROM gospulse.regions WHERE region = {code:String} LIMIT 1",
            parameters={"code": code},
        ).result_rows
        return str(rows[0][0]) if rows else ("Россия" if code == COUNTRY else code)

    def _follow_up(self, learnt: Learnt, moment: datetime) -> None:
        """Compute the aftermath of episodes that closed a day ago and have none."""
        rows = self._client.query(
            "SELECT series FROM (SELECT any(series) AS series, max(latest) AS latest, max(aftermath) AS after "
            "FROM gospulse_data.spikes GROUP BY id) WHERE tupleElement(latest, 'state') = 'closed' "
            "AND tupleElement(latest, 'closed_at') <= {until:DateTime('UTC')} "
            "AND tupleElement(after, 'computed') = toDateTime(0, 'UTC')",
            parameters={"until": moment - AFTERMATH_AFTER},
        ).result_rows
        if not rows:
            return
        recent = read_recent(self._client, moment)
        for (series,) in rows:
            episode = recent.get(series)
            if episode is not None and episode.state == "closed" and series in learnt.territory.tree.codes:
                row = learnt.territory.tree.codes.index(series)
                places = places_of(learnt.territory, row)
                write_aftermath(self._client, episode, read_aftermath(self._client, episode, places, moment))

    def _write_expected(self, learnt: Learnt, hour: int) -> None:
        """What is usual in the next 48 hours, with the interval of ordinary hours."""
        tree, night = learnt.territory.tree, learnt.night
        mean = np.maximum(night.expectation.hourly(first_hours_of_week(tree, hour), 48), 1e-9)
        variance = np.maximum(night.dispersion.variance(mean, 0), 1.0001 * mean)
        size, share = mean**2 / (variance - mean), mean / variance
        low, high = nbinom.ppf(0.025, size, share), nbinom.ppf(0.975, size, share)
        n = len(tree.codes)
        self._client.insert(
            "gospulse_data.spike_expected",
            [
                np.repeat(np.array(tree.codes, dtype=object), 48).tolist(),
                [datetime.fromtimestamp((hour + h) * 3600, UTC) for _ in range(n) for h in range(48)],
                np.repeat(np.array([level.value for level in tree.levels], dtype=object), 48).tolist(),
                mean.ravel().tolist(),
                low.ravel().tolist(),
                high.ravel().tolist(),
                [datetime.fromtimestamp(hour * 3600, UTC)] * (48 * n),
            ],
            column_names=["series", "hour", "level", "expected", "low", "high", "learnt"],
            column_oriented=True,
            settings={"async_insert": 0},
        )

    def _write_health(
        self,
        moment: datetime,
        started: float,
        found: Evaluation | None = None,
        known: Bools | None = None,
        *,
        held: str = "",
    ) -> None:
        row: dict[str, Any] = {"evaluated": int(moment.timestamp()), "held": held}
        if found is not None and known is not None and self._learnt is not None:
            codes = self._learnt.territory.tree.codes
            minute = int(moment.timestamp()) // 60
            below = [codes[at] for at in np.nonzero(found.alarms < WATCH)[0]]
            came = sum(1 for code in below if minute - self._below.get(code, -SILENT_MINUTES) >= SILENT_MINUTES)
            self._below |= dict.fromkeys(below, minute)
            tested = int((found.expected.max(axis=1) > 0).sum())
            opened = self._client.query(
                "SELECT countIf(state = 'open') FROM (SELECT tupleElement(max(latest), 'state') AS state "
                "FROM gospulse_data.spikes GROUP BY id)"
            ).result_rows[0][0]
            row |= {
                "series": len(codes),
                "tested": tested,
                "excluded_hours": int((~known).sum()),
                "expected_episodes": tested * WATCH * STEP_MINUTES / (24 * 60),
                "below_hundredth": came,
                "open": int(opened),
            }
        row["seconds"] = time.monotonic() - started
        row["written_at"] = time.time()
        self._client.raw_insert(
            "gospulse_data.spike_evaluations",
            column_names=list(row),
            insert_block=msgspec.json.encode(row),
            fmt="JSONEachRow",
            settings={"async_insert": 0},
        )


def places_of(territory: Territory, row: int) -> list[str]:
    """Codes of the municipalities that a series sums up."""
    tree = territory.tree
    if tree.levels[row] is Level.MUNICIPALITY:
        return [tree.codes[row]]
    return [tree.codes[each] for each in tree.descendants(row) if tree.levels[each] is Level.MUNICIPALITY]


def _episode(
    learnt: Learnt,
    row: int,
    moment: datetime,
    found: Evaluation,
    carriers: Carriers,
    old: Episode | None,
    *,
    closed: bool,
    alert: bool,
    active: datetime,
    name: str,
    names: Mapping[str, str],
) -> Episode:
    tree = learnt.territory.tree
    window = int(found.window[row])
    observed, expected = int(found.observed[row, window]), float(found.expected[row, window])
    alarms = float(found.alarms[row])
    best = alarms if old is None else min(alarms, old.best_alarms)
    # The window of the least E is what is told of an episode; a later, quieter evaluation does not replace it.
    told = old is None or alarms <= old.best_alarms
    since = moment if old is None else old.since
    return Episode(
        id=identity(tree.codes[row], since),
        series=tree.codes[row],
        level=tree.levels[row].value,
        since=since,
        evaluated=moment,
        state="closed" if closed else "open",
        closed_at=moment if closed else None,
        active_at=active,
        alerted_at=moment if alert or old is None else old.alerted_at,
        window_h=WINDOWS[window],
        observed=observed,
        expected=expected,
        alarms=alarms,
        best_alarms=best,
        authors=carriers.authors if told or old is None else old.authors,
        nature=nature_of(carriers) if told or old is None else old.nature,
        push=is_pushed(carriers) or (old is not None and old.push),
        reason=reason(name, WINDOWS[window], observed, expected, carriers, names)
        if told or old is None
        else old.reason,
        pages=carriers.pages if told or old is None else old.pages,
        topics=carriers.topics if told or old is None else old.topics,
        entrances=carriers.entrances if told or old is None else old.entrances,
    )
