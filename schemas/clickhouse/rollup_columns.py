"""The counted columns of the roll-ups: their names, meaning and what each counts, written once.

The SQL files name them by macros, such as ``{rollup_columns}``; :func:`expand` fills these in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from schemas.contract.events import ENTRANCES

_RECEIVED: Final = "kind = 'appeal_received'"
_WITHIN_WINDOW: Final = "(counted exactly within the window of repeats)"

#: Column counted from facts -> the condition on a fact (columns ``kind``, ``entrance``) that it counts.
FACTS: Final[Mapping[str, str]] = {
    "appeals": _RECEIVED,
    **{f"appeals_{entrance}": f"{_RECEIVED} AND entrance = '{entrance}'" for entrance in ENTRANCES},
    "answers_interim": "kind = 'appeal_interim'",
    "answers_final": "kind = 'appeal_answered'",
    "closings": "kind = 'appeal_closed'",
    "reopenings": "kind = 'appeal_reopened'",
    "withdrawals": "kind IN ('appeal_withdrawn', 'appeal_removed')",
}
_COUNTER_MEANINGS: Final[Mapping[str, str]] = {
    "post_published": "Posts published",
    "post_removed": "Posts removed",
    "comment_added": "Comments written",
    "comment_removed": "Comments removed",
    "reaction_added": "Reactions given",
    "reaction_removed": "Reactions taken back: the net figure is the difference",
    "repost_added": "Reposts",
    "vote_added": "Votes in polls",
    "subscriber_joined": "Subscribers who joined",
    "subscriber_left": "Subscribers who left",
    "service_used": "Uses of a service through the page",
}
#: Columns that come from the counters of ``page_hour``: sums of amounts.
COUNTERS: Final[tuple[str, ...]] = tuple(_COUNTER_MEANINGS)
COLUMNS: Final[tuple[str, ...]] = (*FACTS, *COUNTERS)

#: Column -> its meaning, for tables, views and documents.
MEANINGS: Final[Mapping[str, str]] = {
    "appeals": "Appeals received, withdrawn ones included (facts: each counted once)",
    **{f"appeals_{entrance}": f"Of these, through the entrance {entrance}" for entrance in ENTRANCES},
    "answers_interim": "Interim official answers given (facts)",
    "answers_final": "Final official answers given (facts)",
    "closings": "Closings of appeals (facts)",
    "reopenings": "Reopenings of appeals (facts)",
    "withdrawals": "Withdrawals by authors and removals by pages (facts)",
    **{column: f"{meaning} {_WITHIN_WINDOW}" for column, meaning in _COUNTER_MEANINGS.items()},
}


def _listed(columns: tuple[str, ...], form: Callable[[str], str], separator: str = ", ") -> str:
    return separator.join(map(form, columns))


_FACT_COLUMNS: Final = tuple(FACTS)
#: Macro -> the text that it stands for.
MACROS: Final[Mapping[str, str]] = {
    "rollup_columns": _listed(COLUMNS, lambda c: f"{c} UInt64 COMMENT '{MEANINGS[c]}'", ",\n    "),
    "rollup_names": _listed(COLUMNS, str),
    "rollup_selected": _listed(COLUMNS, lambda c: f"r.{c} AS {c}"),
    "rollup_sums": _listed(COLUMNS, lambda c: f"sum(r.{c}) AS {c}"),
    "rollup_fact_counts": _listed(_FACT_COLUMNS, lambda c: f"countIf({FACTS[c]}) AS {c}"),
    "rollup_fact_zeros": _listed(_FACT_COLUMNS, lambda c: f"toUInt64(0) AS {c}"),
    "rollup_counter_sums": _listed(COUNTERS, lambda c: f"sum(r.{c}) AS {c}"),
    "rollup_counter_maxima": _listed(COUNTERS, lambda c: f"max({c}) AS {c}"),
    "rollup_counter_zeros": _listed(COUNTERS, lambda c: f"toUInt64(0) AS {c}"),
}
_MACRO: Final = re.compile(r"\{(rollup_[a-z_]+)\}")


def expand(text: str) -> str:
    """A text of SQL with the macros filled in. Raises KeyError for a macro that does not exist.

    >>> expand("SELECT {rollup_counter_maxima}")[:43]
    'SELECT max(post_published) AS post_published'[:43]
    """
    return _MACRO.sub(lambda found: MACROS[found[1]], text)
