"""Migrations on the real engine: once each, interrupted, checked against the live server, registers with history."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.clickhouse.durability import on_one_replica, unsynced
from schemas.clickhouse.expressions import region_of_place
from schemas.clickhouse.generations import (
    NoGenerationError,
    active_generation,
    definition_of,
    generations,
    record_state,
)
from schemas.clickhouse.migrate import ChangedFileError, create_generation, migrate, pending, show_generation
from schemas.clickhouse.registers import Register, changes
from schemas.clickhouse.schema_check import schema_differences
from schemas.clickhouse.sql_files import Rendering, Retention, literal, sql_files, statements
from schemas.connections import ClickHouseConnection
from schemas.reference.places import region_of
from schemas.reference.reference_data import municipalities, regions
from tests.servers.prepared_tables import drop

DEFINITION = '{"generation":1}'


@pytest.fixture
def client(clickhouse: ClickHouseConnection) -> Iterator[Client]:
    """A server without any table of ours."""
    with open_clickhouse(clickhouse) as opened:
        yield opened


@pytest.fixture
def migrated(tables: ClickHouseConnection) -> Iterator[Client]:
    """A server as the first run leaves it."""
    with open_clickhouse(tables) as opened:
        yield opened


def rows(client: Client, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in client.query(sql).result_rows]


def test_the_first_run_makes_everything_and_the_second_does_nothing(client: Client) -> None:
    with pytest.raises(NoGenerationError, match="gospulse migrate"):
        active_generation(client)
    planned = pending(client, Rendering())
    assert rows(client, "SELECT count() FROM system.databases WHERE name LIKE 'gospulse%'") == [(0,)]
    assert {step.name for step in migrate(client, Rendering(), DEFINITION)} == {step.name for step in planned}
    before = rows(client, "SELECT * FROM gospulse_data.migrations ORDER BY ALL")
    assert migrate(client, Rendering(), '{"another":"definition"}') == ()
    assert rows(client, "SELECT * FROM gospulse_data.migrations ORDER BY ALL") == before
    assert active_generation(client) == 1
    assert definition_of(client, 1) == DEFINITION
    with pytest.raises(NoGenerationError, match="Generation 7"):
        definition_of(client, 7)
    assert schema_differences(client, Rendering(), "check_equal") == ()


class InterruptedRunError(Exception):
    pass


class Mortal:
    """A client whose process dies before its n-th statement."""

    def __init__(self, client: Client, statements: int) -> None:
        self._client = client
        self._left = statements

    def command(self, cmd: str) -> Any:
        if not self._left:
            raise InterruptedRunError
        self._left -= 1
        return self._client.command(cmd)

    def query(self, query: str) -> Any:
        return self._client.query(query)


@pytest.mark.long
def test_tables_sync_inserts_whatever_the_server_does(client: Client) -> None:
    migrate(client, Rendering(), DEFINITION)
    sentence = unsynced(client, 1)
    assert sentence is not None
    assert "MODIFY SETTING" in sentence
    drop(client)
    migrate(client, Rendering(fsync=True), DEFINITION)
    assert unsynced(client, 1) is None
    assert schema_differences(client, Rendering(fsync=True), "check_synced") == ()
    assert on_one_replica(client, 1, 0) is None


@pytest.mark.long
def test_a_run_that_was_interrupted_is_finished_by_the_next(client: Client) -> None:
    for statements_before_death in (1, 5, 30):
        with pytest.raises(InterruptedRunError):
            migrate(Mortal(client, statements_before_death), Rendering(), DEFINITION)
    migrate(client, Rendering(), DEFINITION)
    assert schema_differences(client, Rendering(), "check_finished") == ()
    assert [(each.number, each.state, each.definition) for each in generations(client)] == [(1, "active", DEFINITION)]
    assert rows(client, "SELECT count(), uniqExact(code) FROM gospulse_data.regions FINAL") == [(89, 89)]


def test_a_changed_file_stops_the_run_before_anything_is_touched(migrated: Client) -> None:
    migrated.command(
        "INSERT INTO gospulse_data.migrations SELECT 'base', 0, '0003_generations.sql', 'another', now64(3) + 1"
    )
    migrated.command("DROP VIEW gospulse.topics")
    with pytest.raises(ChangedFileError, match=r"base/0003_generations\.sql"):
        migrate(migrated, Rendering(), DEFINITION)
    assert rows(migrated, "EXISTS gospulse.topics") == [(0,)]


def test_the_check_finds_what_was_done_by_hand(migrated: Client) -> None:
    migrated.command("ALTER TABLE gospulse_data.logs ADD COLUMN extra String")
    migrated.command("ALTER TABLE gospulse_data.rejected_g1 COMMENT COLUMN off 'something else'")
    migrated.command("DROP TABLE gospulse_data.touched_g1")
    migrated.command("CREATE OR REPLACE VIEW gospulse.topics (topic String) AS SELECT 'x' AS topic")
    found = {(each.table, each.part) for each in schema_differences(migrated, Rendering(), "check_differs")}
    assert found >= {
        ("gospulse_data.logs", "column extra"),
        ("gospulse_data.rejected_g1", "column off"),
        ("gospulse_data.touched_g1", "table"),
        ("gospulse.topics", "query"),
        ("gospulse.topics", "column name"),
    }
    assert {table for table, _ in found} == {
        "gospulse_data.logs",
        "gospulse_data.rejected_g1",
        "gospulse_data.touched_g1",
        "gospulse.topics",
    }
    assert rows(migrated, "SELECT count() FROM system.databases WHERE name LIKE 'check_differs%'") == [(0,)]


#: Roll-ups that go with their cells.
ROLLUPS = (
    "place_hour",
    "region_hour",
    "place_day",
    "network_day",
    "page_day",
    "coverage_day",
    "place_5min",
    "share_day",
    "share_region_day",
)


@pytest.mark.long
def test_retention_reaches_tables_that_exist_and_leaves_them_again(migrated: Client) -> None:
    short = Rendering(retention=Retention(page_hour=30, rejected=None))
    assert {each.table for each in schema_differences(migrated, short, "check_short")} == {
        f"gospulse_data.{table}_g1" for table in (*ROLLUPS, "page_hour", "fact_hours", "touched", "rejected")
    }
    migrate(migrated, short, DEFINITION)
    with_ttl = (
        "SELECT name FROM system.tables WHERE database = 'gospulse_data' AND engine_full LIKE '% TTL %' "
        "AND endsWith(name, '_g1') ORDER BY 1"
    )
    assert len(rows(migrated, with_ttl)) == len(ROLLUPS) + 3
    migrate(migrated, Rendering(), DEFINITION)
    assert rows(migrated, with_ttl) == [("rejected_g1",)]


@pytest.mark.long
def test_views_show_the_generation_that_is_active(migrated: Client) -> None:
    create_generation(migrated, 2, '{"generation":2}', Rendering())
    assert active_generation(migrated) == 1
    assert rows(migrated, "SELECT generation, shown FROM gospulse.generation ORDER BY generation") == [
        (1, True),
        (2, False),
    ]
    record_state(migrated, 2, "active")
    record_state(migrated, 1, "retired")
    assert show_generation(migrated, active_generation(migrated), Rendering())
    assert rows(migrated, "SELECT generation, shown FROM gospulse.generation ORDER BY generation") == [
        (1, False),
        (2, True),
    ]
    comments = (
        "SELECT DISTINCT extract(comment, 'Generation [0-9]+[.]$') FROM system.tables WHERE database = 'gospulse'"
    )
    assert rows(migrated, comments) == [("Generation 2.",)]
    assert schema_differences(migrated, Rendering(), "check_second") == ()
    assert migrate(migrated, Rendering(), DEFINITION) == ()


def test_a_view_that_no_file_makes_any_more_is_dropped(migrated: Client) -> None:
    migrated.command("CREATE VIEW gospulse.former AS SELECT 1")
    migrated.command("CREATE VIEW gospulse.somebodys_own AS SELECT 1")
    migrated.command("INSERT INTO gospulse_data.migrations SELECT 'views', 0, '0099_former.sql', 'sum', now64(3)")
    migrate(migrated, Rendering(), DEFINITION)
    assert rows(migrated, "EXISTS gospulse.former") == [(0,)]
    assert rows(migrated, "EXISTS gospulse.somebodys_own") == [(1,)]


def test_every_table_and_column_has_a_comment(migrated: Client) -> None:
    ours = "database IN ('gospulse', 'gospulse_data')"
    assert rows(migrated, f"SELECT name FROM system.tables WHERE {ours} AND comment = ''") == []
    # The columns of a materialized view are those of the table that it fills.
    own = f"{ours} AND table NOT IN (SELECT name FROM system.tables WHERE engine = 'MaterializedView')"
    assert rows(migrated, f"SELECT table, name FROM system.columns WHERE {own} AND comment = ''") == []


def test_statements_for_a_cluster_are_understood_by_the_engine(client: Client) -> None:
    scopes: Sequence[Any] = ("base", "generation", "views")
    for scope in scopes:
        for file in sql_files(scope):
            for statement in statements(file, Rendering(replicated=True), 1):
                ((formatted,),) = rows(client, f"SELECT formatQuerySingleLine({literal(statement)})")
                assert "ON CLUSTER" in formatted, file.name


def test_the_region_of_a_place_is_the_same_in_sql_and_in_the_code(client: Client) -> None:
    places = [region.code for region in regions()] + [each.code for each in municipalities()]
    places += ["00000000", "99999999", "02701000", "11811000", "71901000", "la:cd-4", "synthetic:05701000", "x:1"]
    listed = ", ".join(f"'{place}'" for place in places)
    found = dict(rows(client, f"SELECT place, {region_of_place()} FROM (SELECT arrayJoin([{listed}]) AS place)"))
    assert found == {place: region.code if (region := region_of(place)) else None for place in places}


@pytest.mark.long
def test_a_register_keeps_what_was_in_force_before(migrated: Client) -> None:
    columns = ("code", "parent", "name")
    in_force = {
        row[1]: (row[0], tuple(row[1:]))
        for row in rows(migrated, "SELECT toString(valid_from), code, parent, name FROM gospulse_data.topics FINAL")
    }
    renamed = tuple(
        (code, parent, "Теплоснабжение" if code == "housing.heating" else name)
        for code, parent, name in (row for _, row in in_force.values())
        if code != "housing.water"
    )
    for statement in changes(Register("topics", columns, renamed), in_force, first=False):
        migrated.command(statement)
    history = rows(
        migrated,
        "SELECT code, name, valid_from = '1970-01-01', valid_to IS NULL FROM gospulse_data.topics FINAL "
        "WHERE code IN ('housing.heating', 'housing.water') ORDER BY code, valid_from",
    )
    assert history == [
        ("housing.heating", "Отопление", 1, 0),
        ("housing.heating", "Теплоснабжение", 0, 1),
        ("housing.water", "Водоснабжение", 1, 0),
    ]
    assert rows(migrated, "SELECT name FROM gospulse.topics WHERE topic = 'housing.heating'") == [("Теплоснабжение",)]
    # The files say otherwise: the next run brings the register back, on the same day.
    migrate(migrated, Rendering(), DEFINITION)
    assert rows(migrated, "SELECT name FROM gospulse.topics WHERE topic = 'housing.heating'") == [("Отопление",)]
    assert rows(migrated, "SELECT count() FROM gospulse.topics WHERE topic = 'housing.water'") == [(1,)]


REGISTERS = {
    "regions": ("regions", "region", "zone, prefix, name", "'Europe/Moscow', 'zz', '{}'"),
    "topics": ("topics", "topic", "name", "'{}'"),
    "entrances": ("entrances", "entrance", "in_social_networks, name", "false, '{}'"),
    "institution_kinds": ("institution_kinds", "kind", "name", "'{}'"),
}


@pytest.mark.parametrize("table", REGISTERS)
def test_a_row_of_a_register_is_in_force_from_its_day_to_its_end(migrated: Client, table: str) -> None:
    """A row that begins tomorrow is not there yet, and the one that ends tomorrow still is."""
    view, key, columns, values = REGISTERS[table]
    today = "toDate(now('Europe/Moscow'))"
    migrated.command(
        f"INSERT INTO gospulse_data.{table} (code, valid_from, valid_to, written_at, {columns}) "
        f"SELECT 'zz', toDate('2020-01-01'), {today} + 1, now64(3), {values.format('now')} "
        f"UNION ALL SELECT 'zz', {today} + 1, NULL, now64(3), {values.format('tomorrow')} "
        f"UNION ALL SELECT 'zz-past', toDate('2020-01-01'), {today}, now64(3), {values.format('past')}"
    )
    assert rows(migrated, f"SELECT name FROM gospulse.{view} WHERE {key} LIKE 'zz%'") == [("now",)]


@pytest.fixture
def gospulse(clickhouse: ClickHouseConnection, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command against the session's server."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "GOSPULSE_DATA": str(tmp_path),
            "GOSPULSE_CLICKHOUSE": f"http://{clickhouse.host}:{clickhouse.port}",
            "GOSPULSE_CLICKHOUSE_PASSWORD": clickhouse.password.reveal(),
        }
        command = [sys.executable, "-m", "deploy.cli.main", "migrate", *arguments]
        return subprocess.run(
            command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
        )

    return run


def test_the_command(gospulse: Callable[..., subprocess.CompletedProcess[str]], client: Client) -> None:
    checked = gospulse("--check")
    assert (checked.returncode, checked.stderr.count("\n")) == (1, 1)
    assert "gospulse migrate" in checked.stderr
    printed = gospulse("--dry-run")
    assert printed.returncode == 0
    assert "CREATE TABLE IF NOT EXISTS gospulse_data.appeals_g1" in printed.stdout
    assert rows(client, "SELECT count() FROM system.databases WHERE name = 'gospulse_data'") == [(0,)]
    assert gospulse().returncode == 0
    assert gospulse().stdout == "nothing to do; the views read generation 1\n"
    client.command("ALTER TABLE gospulse_data.logs ADD COLUMN extra String")
    differing = gospulse("--check")
    assert differing.returncode == 1
    assert "column extra" in differing.stdout
