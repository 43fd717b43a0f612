"""Numbered SQL files: their form, their placeholders, and the one switch for a cluster."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.clickhouse.generations import Generation
from schemas.clickhouse.migrate import ChangedFileError, plan_tables, plan_views, read_applied
from schemas.clickhouse.sql_files import Rendering, Retention, SqlFile, SqlFileError, split, sql_files, statements
from schemas.clickhouse.view_catalogue import document, views

ACTIVE = Generation(1, "active", "{}")


def applied_everything() -> dict[tuple[str, int, str], str]:
    return {(step.scope, step.generation, step.file): step.checksum for step in plan_tables({}, (ACTIVE,), Rendering())}


def test_a_server_that_has_everything_has_nothing_to_do() -> None:
    assert plan_tables(applied_everything(), (ACTIVE,), Rendering()) == ()


def test_the_next_generation_gets_its_tables_and_a_retired_one_gets_none() -> None:
    both = plan_tables(applied_everything(), (ACTIVE, Generation(2, "building", "{}")), Rendering())
    assert {step.generation for step in both} == {2}
    assert len(both) == len(sql_files("generation"))
    assert plan_tables(applied_everything(), (ACTIVE, Generation(2, "retired", "{}")), Rendering()) == ()


def test_a_changed_file_that_was_applied_is_an_error_that_names_it_and_the_way_out() -> None:
    applied = applied_everything() | {("generation", 1, "0002_page_hour.sql"): "0" * 64}
    with pytest.raises(ChangedFileError, match=r"generation/0002_page_hour\.sql.*new numbered file.*gospulse rebuild"):
        plan_tables(applied, (ACTIVE,), Rendering())


def test_views_are_made_again_for_another_generation_or_limit_and_only_then() -> None:
    made = {("views", 0, step.file): step.checksum for step in plan_views({}, 1, Rendering())}
    assert plan_views(made, 1, Rendering()) == ()
    assert len(plan_views(made, 2, Rendering())) == len(sql_files("views"))
    limited = {step.file[5:] for step in plan_views(made, 1, Rendering(answer_limit_h=48))}
    assert limited == {"answer_times.sql", "appeals_waiting.sql", "region_rating.sql", "settings.sql"}


def test_an_unknown_placeholder_is_named() -> None:
    with pytest.raises(SqlFileError, match=r"base/0009_x\.sql has an unknown placeholder \{tll_appeals\}"):
        statements(SqlFile("base", "0009_x.sql", "SELECT {tll_appeals}"), Rendering())


def test_statements_are_cut_outside_texts_and_comments() -> None:
    assert split("SELECT 'a;b', 'it''s; -- no' -- ; yes\n;\n-- only a comment;\n") == ("SELECT 'a;b', 'it''s; -- no'",)


def test_retention_is_a_setting_and_roll_ups_go_with_their_cells() -> None:
    rendering = Rendering(retention=Retention(page_hour=400, appeals=3650))
    made = {
        match[1]: statement
        for file in sql_files("generation")
        for statement in statements(file, rendering, 3)
        if (match := re.match(r"CREATE TABLE IF NOT EXISTS gospulse_data\.(\w+)_g3", statement))
    }
    with_ttl = {table for table, statement in made.items() if re.search(r"\nTTL ", statement)}
    rollups = {
        "place_hour",
        "region_hour",
        "place_day",
        "network_day",
        "page_day",
        "coverage_day",
        "place_5min",
        "share_day",
        "share_region_day",
    }
    of_cells = {"page_hour", "fact_hours", "touched"}
    assert with_ttl == {"appeals", "appeal_rows", "answer_month", "messages", "lives", "rejected"} | of_cells | rollups
    assert "TTL toDateTime(tupleElement(first, 'at')) + toIntervalDay(3650)" in made["appeals"]


def test_one_switch_makes_every_engine_replicated_with_a_path_of_its_own() -> None:
    for scope in ("base", "generation", "views"):
        for file in sql_files(scope):
            for statement in statements(file, Rendering(replicated=True), 1):
                assert "ON CLUSTER '{cluster}'" in statement, f"{scope}/{file.name}"
                engines = re.findall(r"ENGINE = (\w+)(\(.*?\))?\n", statement)
                if "CREATE TABLE" in statement:
                    (name, arguments), *others = engines
                    assert not others
                    assert name.startswith("Replicated")
                    assert name.endswith("MergeTree")
                    # The table's name carries the generation; no shard in the path: every replica holds everything.
                    assert arguments.startswith("('/gospulse/{database}/{table}', '{replica}'")


def test_every_statement_can_be_repeated() -> None:
    for scope in ("base", "generation", "views"):
        for file in sql_files(scope):
            for statement in statements(file, Rendering(), 1):
                assert re.match(
                    r"CREATE (OR REPLACE VIEW|\w+ IF NOT EXISTS)", re.sub(r"(MATERIALIZED )?VIEW", "VIEW", statement)
                ), statement[:80]


def test_every_view_says_what_it_and_each_column_mean() -> None:
    for view in views():
        assert len(view.comment) > 10, view.name
        assert view.columns, view.name
        assert all(len(column.comment) > 3 for column in view.columns), view.name


def test_the_document_of_the_views_is_that_of_the_files() -> None:
    page = Path(__file__).parents[3] / "docs" / "views.md"
    assert page.read_text(encoding="utf-8") == document(views()), "run `python -m schemas.clickhouse.view_catalogue`"


def test_nothing_is_applied_on_an_empty_server() -> None:
    class Empty:
        def command(self, cmd: str) -> object:
            raise AssertionError(cmd)

        def query(self, query: str) -> object:
            return type("Result", (), {"result_rows": [(0,)]})()

    assert read_applied(Empty()) == {}  # type: ignore[arg-type]
