"""Which scores raise an alert: Benjamini-Hochberg over all series, and one open episode a series."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.series import Bools, Floats, Ints

#: A score below this is shown as "watch" on the municipality's own page; nobody is alerted.
WATCH: Final = 0.01
#: A score above this is quiet.
QUIET: Final = 0.1
#: An episode closes after so many quiet minutes, and its series is silent for so many minutes after an alert.
CLOSE_MINUTES: Final = 12 * 60
SILENT_MINUTES: Final = 24 * 60


def alerts(alarms: Floats, q: float) -> Bools:
    """The series to alert, from their false alarms a day (n,).

    Benjamini and Hochberg (1995) on min(1, E): the largest k with E_(k) <= q k / n. ``q`` bounds the false alerts a
    day over all series while nothing happens; it promises no rate of false discoveries, as looks are repeated.
    """
    n = len(alarms)
    if not n:
        return np.zeros(0, np.bool_)
    ordered = np.sort(np.minimum(alarms, 1.0))
    below = np.nonzero(ordered <= q * np.arange(1, n + 1) / n)[0]
    return alarms <= ordered[below[-1]] if below.size else np.zeros(n, np.bool_)


class Watchers(Struct):
    """Episodes of ``n`` series as they stand; times are minutes since 1970 (UTC), arrays (n,)."""

    #: When the open episode began; -1 where none is open.
    since: Ints
    #: The last evaluation that was not quiet.
    active: Ints
    #: The last alert: silence is counted from here.
    alerted: Ints

    @classmethod
    def none(cls, n: int) -> Watchers:
        """No episode is open and none has been."""
        never = -(10**9)
        return cls(np.full(n, -1), np.full(n, never), np.full(n, never))

    def step(self, minute: int, alarms: Floats, alert: Bools) -> tuple[Bools, Bools]:
        """Take the scores of one evaluation; gives the series whose episode opens and those whose episode closes.

        The same moment again changes nothing.
        """
        is_open = self.since >= 0
        opens = alert & ~is_open & (minute - self.alerted >= SILENT_MINUTES)
        self.since[opens] = minute
        self.alerted[alert & (opens | is_open)] = minute
        self.active[(alarms <= QUIET) | opens] = minute
        closes = is_open & (minute - self.active >= CLOSE_MINUTES)
        self.since[closes] = -1
        return opens, closes
