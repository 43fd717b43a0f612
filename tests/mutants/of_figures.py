"""Mutants of roll-ups and lives, of the views and their precedence, and of the spike detector."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

LIFE: Final = "tests/streams/refresh/test_lifecycle.py"
IDENTITY: Final = "tests/streams/refresh/test_identity.py"
REFRESH: Final = "tests/streams/refresh/test_refresh.py"
SHARE: Final = "tests/schemas/clickhouse/test_share_and_totals.py"
CORE: Final = "tests/streams/spikes/test_core.py"

MUTANTS: Final = (
    Mutant(
        "streams/refresh/lifecycle.py",
        "heapq.heappush(awaiting, (-number[identity], identity))",
        "heapq.heappush(awaiting, (number[identity], identity))",
        "an answer closes the oldest appeal of its thread instead of the latest",
        (LIFE,),
    ),
    Mutant(
        "streams/refresh/lifecycle.py",
        "return self.open and self.gone is None",
        "return self.open",
        "an answer is given to a withdrawn appeal instead of the one that waits",
        (LIFE,),
    ),
    Mutant(
        "streams/refresh/lifecycle.py",
        "return not self._known or len(self._exceptions) < len(self._known)",
        "return not self._exceptions",
        "an appeal is removed with its first message instead of its last",
        (LIFE,),
    ),
    Mutant(
        "streams/refresh/lifecycle.py",
        "return by_appeal() or by_message()",
        "return by_appeal()",
        "an answer to a message does not close the appeal of its citizen",
        (LIFE,),
    ),
    Mutant(
        "streams/refresh/lifecycle.py",
        '"reopened", None, None',
        '"reopened", None, self.answered_at',
        "a reopened appeal stays answered",
        (LIFE,),
    ),
    Mutant(
        "streams/refresh/conversations.py",
        "version = self._known()",
        "version = 1",
        "lives of a refresher that knew less may stand",
        (f"{REFRESH}::test_a_stale_refresher_that_writes_late_changes_nothing",),
    ),
    Mutant(
        "streams/refresh/conversations.py",
        "or lives[appeal][1] != life or lives[appeal][0] <= threshold",
        "or lives[appeal][1] != life",
        "a late write of another refresher wins over a life that came back to what it was",
        (f"{IDENTITY}::test_a_late_write_loses_also_where_the_life_came_back_to_what_it_was",),
    ),
    Mutant(
        "streams/refresh/page_rollups.py",
        "[('day', day), ('month', toStartOfMonth(day))]",
        "[('day', day), ('month', day)]",
        "a month of the audience holds the accounts of one day",
        ("tests/schemas/clickhouse/test_views.py::test_an_account_counts_once_at_every_level",),
    ),
    Mutant(
        "streams/refresh/rollups.py",
        "AND (f.log, f.part, f.off) <= s",
        "",
        "an appeal whose date was corrected counts in two hours",
        (f"{IDENTITY}::test_an_earlier_copy_with_another_date_moves_the_appeal_in_every_rollup",),
    ),
    Mutant(
        "streams/refresh/rollups.py",
        'return f"min(tuple(',
        'return f"max(tuple(',
        "the latest copy of a fact stands instead of the earliest",
        (f"{IDENTITY}::test_an_appeal_with_a_corrected_date_stays_one_appeal_under_its_first_date",),
    ),
    Mutant(
        "streams/refresh/rollups.py",
        "f'max({column}) AS {column}'",
        "f'sum({column}) AS {column}'",
        "rows that are written twice count twice",
        (f"{REFRESH}::test_cells_without_marks_are_counted_once_the_next_worker_has_marked_them",),
    ),
    Mutant(
        "schemas/clickhouse/flat_appeals.py",
        "(SELECT arrayJoin({array}) AS one)",
        "(SELECT arrayJoin({array}))",
        "parts of a query see different moments: appeals vanish while a refresher writes",
        (
            "tests/schemas/clickhouse/test_flat_appeals.py"
            "::test_a_question_counts_each_appeal_once_while_a_refresher_writes",
        ),
    ),
    Mutant(
        "streams/refresh/refresher.py",
        "heads = _highest(self._heads_around(self._place_days), versions)",
        "heads = dict(versions)",
        "a day holds only the hours that changed last",
        (f"{REFRESH}::test_two_refreshers_that_alternate_leave_the_days_whole",),
    ),
    Mutant(
        "streams/refresh/refresher.py",
        '"WHERE m.version > ifNull(h.head, 0)"',
        '"WHERE ifNull(h.head, 0) = 0"',
        "an hour that has been counted once never changes again",
        (f"{REFRESH}::test_two_refreshers_that_alternate_leave_the_days_whole",),
    ),
    Mutant(
        "schemas/clickhouse/views/0016_share_day.sql",
        "if(others_heard AND denominator > 0, numerator / denominator, NULL) AS share",
        "if(denominator > 0, numerator / denominator, NULL) AS share",
        "the share is 100 % where nobody reports appeals outside public pages",
        (f"{SHARE}::test_the_share_has_a_denominator_or_is_null",),
    ),
    Mutant(
        "streams/refresh/share.py",
        "argMin((value, source,",
        "argMax((value, source,",
        "of two sources the lower one stands in the share",
        (f"{SHARE}::test_of_several_sources_one_stands",),
    ),
    Mutant(
        "streams/refresh/share_days.py",
        "known + register_ms if known else 0",
        "known",
        "a change of the register of precedence changes no share",
        (f"{SHARE}::test_of_several_sources_one_stands",),
    ),
    Mutant(
        "schemas/clickhouse/expressions.py",
        "ts_rank > 0 AND (s_rank = 0 OR ts_rank <= s_rank) AS s_whole",
        "ts_rank > 0 AS s_whole",
        "a total of a month stands before the appeals themselves",
        (f"{SHARE}::test_a_total_of_a_month_stands_by_the_register_of_precedence",),
    ),
    Mutant(
        "schemas/clickhouse/views/0018_region_rating.sql",
        "if(h < passing, c, 0)",
        "if(h <= passing, c, 0)",
        "waiting appeals are overdue up to an hour before their limit",
        ("tests/schemas/clickhouse/test_view_figures.py::test_the_rating_counts_what_is_due_to_the_minute",),
    ),
    Mutant(
        "schemas/clickhouse/expressions.py",
        "empty({_RULES_OF_APPEALS}), if(source = 'facts', 1, 2),",
        "empty({_RULES_OF_APPEALS}), if(source = 'facts', 2, 1),",
        "a total that was counted elsewhere stands instead of the appeals themselves",
        (f"{SHARE}::test_of_several_sources_one_stands",),
    ),
    Mutant(
        "schemas/clickhouse/expressions.py",
        "= arrayMax(arrayMap(other -> length(other.2) + if(other.1 = '', 0, 100), rules)),",
        "= arrayMin(arrayMap(other -> length(other.2) + if(other.1 = '', 0, 100), rules)),",
        "the rule of the country stands where a region has a rule of its own",
        (f"{SHARE}::test_of_several_sources_one_stands",),
    ),
    Mutant(
        "schemas/clickhouse/views/0012_outside_totals.sql",
        "WHERE ifNull(tupleElement(reading, 'complete_at') = f.newest, true)",
        "WHERE true",
        "totals that a corrected file no longer contains are shown",
        (f"{SHARE}::test_a_corrected_file_takes_away_what_it_no_longer_contains",),
    ),
    Mutant(
        "schemas/clickhouse/views/0017_answer_times.sql",
        "/ 1000, inf) AS answer_s",
        "/ 1000, 0) AS answer_s",
        "an appeal without a reply counts as answered at once",
        ("tests/schemas/clickhouse/test_view_figures.py::test_answer_times_hold_the_unanswered",),
    ),
    Mutant(
        "streams/spikes/score.py",
        "seen, expected = seen - bounded, expected - usual",
        "pass",
        "a spike raises its own expectation and explains itself away",
        (f"{CORE}::test_one_loud_series_does_not_move_its_own_expectation",),
    ),
    Mutant(
        "streams/spikes/expectation.py",
        "GUARD_HOURS: Final = 24",
        "GUARD_HOURS: Final = 0",
        "a spike teaches its own expectation",
        ("tests/streams/spikes/test_detector.py::test_the_last_day_does_not_teach_what_is_usual",),
    ),
    Mutant(
        "streams/spikes/decision.py",
        "q * np.arange(1, n + 1) / n",
        "q * np.arange(1, n + 1)",
        "hundreds of false alerts a night",
        (f"{CORE}::test_benjamini_and_hochberg",),
    ),
    Mutant(
        "streams/spikes/decision.py",
        "& (minute - self.alerted >= SILENT_MINUTES)",
        "",
        "one spike alerts again and again",
        (f"{CORE}::test_an_episode_opens_once_and_is_silent_after_it_closes",),
    ),
    Mutant(
        "streams/spikes/expectation.py",
        "np.where(exposed >= LEAST_DAYS * 24,",
        "np.where(exposed >= 1,",
        "a page that is a day old raises alerts",
        (f"{CORE}::test_a_short_history_expects_nothing",),
    ),
    Mutant(
        "streams/spikes/common_factors.py",
        "usual[rows] *= factor[rows] if level is Level.DISTRICT else above",
        "usual[rows] *= 1.0",
        "a news day of the country alerts districts in every time zone",
        ("tests/streams/spikes/test_common_factors.py::test_a_shock_of_the_country_is_explained_in_every_time_zone",),
    ),
    Mutant(
        "streams/spikes/common_factors.py",
        "np.maximum(summed[group] - values, 0.0)",
        "np.maximum(summed[group], 0.0)",
        "a district explains its own shock away",
        ("tests/streams/spikes/test_common_factors.py::test_no_count_enters_its_own_expectation",),
    ),
    Mutant(
        "streams/spikes/counts.py",
        "toInt32(greatest(p.began, m.moved))",
        "toInt32(m.moved)",
        "every page that was connected raises an alert on the day on which it begins to count",
        ("tests/streams/spikes/test_service.py::test_pages_that_began_three_weeks_ago_are_no_spike",),
    ),
    Mutant(
        "streams/spikes/exposure.py",
        "rate * (begin - first) < _LEAST_MISSED",
        "rate < 0",
        "a place of slow pages expects too much and misses its spikes",
        ("tests/streams/spikes/test_exposure.py::test_a_slow_page_that_showed_itself_late_was_always_there",),
    ),
)
