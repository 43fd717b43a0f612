"""``gospulse places``, ``organisations`` and ``pages`` against the real engine: import, export, unknown pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from deploy.cli.main import main
from deploy.clickhouse.client import clickhouse as open_clickhouse
from ingest.registers.page_register import SINCE_EVER
from ingest.registers.store import read_page_register
from schemas.clickhouse.migrate import migrate, show_generation
from schemas.clickhouse.sql_files import Rendering
from schemas.connections import ClickHouseConnection
from streams.rebuild.stamp_file import read_stamps
from tests.conftest import ClickHouseServer
from tests.streams.builders.records import HOUR, T0, event, hex32
from tests.streams.builders.stored_log import StoredLog

BANK, TAX = "7702235133", "7707329152"
OLD, NEW, CITY = "05617000", "05517001", "05701000"
PLACES = f"place;name;population;population_year;population_source\n{OLD};Лазовский район;11 800;2024;Росстат\n"
ORGANISATIONS = (
    f"inn;name;kind;place;level\n{BANK};Школа № 1;Образование;{OLD};municipal\n{TAX};Музей;culture;{CITY};\n"
)
PAGES = f"network;native_id;name;place;organisation;gos_mark\nvk;1;Школа;{OLD};{BANK};да\n"

Gospulse = Callable[..., tuple[int, str]]


@pytest.fixture
def client(tables: ClickHouseConnection) -> Any:
    with open_clickhouse(tables) as opened:
        yield opened


@pytest.fixture
def gospulse(
    clickhouse_server: ClickHouseServer,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Gospulse:
    """Runs a command: its exit code and what it printed. A text with line breaks becomes a file in cp1251."""
    login = clickhouse_server.connection
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOSPULSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE", f"http://{login.host}:{login.port}")
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE_PASSWORD", login.password.reveal())

    def run(*arguments: str) -> tuple[int, str]:
        given = []
        for number, argument in enumerate(arguments):
            if "\n" in argument:
                file = tmp_path / f"given-{number}.csv"
                file.write_bytes(argument.encode("cp1251"))
                argument = str(file)
            given.append(argument)
        capsys.readouterr()
        code = main(given)
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def rows(client: Client, sql: str) -> list[tuple[Any, ...]]:
    found: Sequence[Sequence[Any]] = client.query(sql).result_rows
    return [tuple(row) for row in found]


def fill(gospulse: Gospulse) -> None:
    for name, content in (("places", PLACES), ("organisations", ORGANISATIONS), ("pages", PAGES)):
        code, said = gospulse(name, "import", content)
        assert code == 0, said


def test_an_import_is_seen_in_the_views_and_repeats_without_change(gospulse: Gospulse, client: Client) -> None:
    fill(gospulse)
    assert rows(
        client, "SELECT page, name, kind, organisation_name, place, gos_mark, pos_widget FROM gospulse.pages"
    ) == [("vk:1", "Школа", "education", "Школа № 1", OLD, True, None)]
    assert rows(
        client, "SELECT organisation, pages, networks, without_page FROM gospulse.organisations ORDER BY 1"
    ) == [
        (BANK, 1, ["vk"], False),
        (TAX, 0, [], True),
    ]
    assert rows(client, f"SELECT name, population, population_source FROM gospulse.places WHERE place = '{OLD}'") == [
        ("Лазовский район", 11_800, "Росстат")
    ]
    written = rows(client, "SELECT count() FROM gospulse_data.pages")
    assert "1 unchanged; no change" in gospulse("pages", "import", PAGES)[1]
    assert rows(client, "SELECT count() FROM gospulse_data.pages") == written


def test_a_dry_run_shows_what_would_change_and_changes_nothing(gospulse: Gospulse, client: Client) -> None:
    fill(gospulse)
    changed = PAGES.replace("Школа;", "Гимназия;").replace("да", "нет") + f"vk;2;Музей;{CITY};{TAX};\n"
    code, said = gospulse("pages", "import", changed, "--dry-run")
    assert code == 0
    assert "name: Школа → Гимназия; gos_mark: yes → no" in said and "new: network: vk" in said
    assert "would be 1 new, 1 changed" in said
    assert rows(client, "SELECT page, name FROM gospulse.page_history") == [("vk:1", "Школа")]


def test_rows_with_a_problem_are_listed_and_the_others_count(gospulse: Gospulse, client: Client) -> None:
    fill(gospulse)
    code, said = gospulse("pages", "import", PAGES + f"vk;2;Музей;05999999;{TAX};\nvk;3;Парк;{CITY};{TAX};\n")
    assert code == 1
    assert "unknown OKTMO 05999999" in said and "1 rows have a problem" in said
    assert rows(client, "SELECT page FROM gospulse.page_history ORDER BY page") == [("vk:1",), ("vk:3",)]
    assert gospulse("pages", "import", "network;titel\n")[0] == 2
    assert gospulse("pages", "import", "absent.csv")[0] == 2


def test_a_reform_is_entered_and_what_it_left_behind_is_moved(gospulse: Gospulse, client: Client) -> None:
    fill(gospulse)
    day = "2026-02-01"
    reform = f"place;name;valid_from;valid_to\n{OLD};Лазовский район;;{day}\n{NEW};Лазовский округ;{day};\n"
    # 05517001 shows that a code of eight digits counts as it is written.
    assert gospulse("places", "import", reform)[0] == 0
    code, said = gospulse("pages", "check")
    assert code == 1 and f"place {OLD} ended on {day}" in said
    code, said = gospulse("places", "move", OLD, NEW, "--from", day)
    assert code == 0 and "1 changed" in said
    assert gospulse("places", "check")[0] == 0
    assert rows(client, "SELECT valid_from, valid_to, place FROM gospulse.page_history ORDER BY valid_from") == [
        (SINCE_EVER, date(2026, 2, 1), OLD),
        (date(2026, 2, 1), None, NEW),
    ]
    register = read_page_register(client)
    (before, after) = register.validities("vk:1")
    assert (before.place, before.to_ms, after.place, after.to_ms) == (OLD, after.from_ms, NEW, None)


@pytest.mark.parametrize("form", [(), ("--json",), ("--excel",)], ids=["csv", "json", "excel"])
def test_an_export_reads_back_the_same(gospulse: Gospulse, client: Client, tmp_path: Path, form: tuple[str]) -> None:
    fill(gospulse)
    gospulse("pages", "import", PAGES.replace("Школа;", '"Школа ""Сотый; ключ""";'), "--from", "2026-03-01")
    gospulse("pages", "import", f"network;native_id;name;place;official;valid_to\nmax;-5;Мэр;{CITY};mayor;2026-04-01\n")
    for name in ("places", "organisations", "pages"):
        histories = f"SELECT * FROM gospulse.{name.removesuffix('s')}_history ORDER BY 1, 2"
        before = rows(client, histories)
        file, today = tmp_path / f"{name}.all", tmp_path / f"{name}.today"
        assert gospulse(name, "export", str(file), "--history", *form)[0] == 0
        assert gospulse(name, "export", str(today), *form)[0] == 0
        for each in (file, today):
            code, said = gospulse(name, "import", str(each))
            assert (code, "no change" in said) == (0, True), said
        client.command(f"TRUNCATE TABLE gospulse_data.{name}")
        assert gospulse(name, "import", str(file))[0] == 0
        assert rows(client, histories) == before


def test_organisations_without_a_page_are_shown(gospulse: Gospulse) -> None:
    fill(gospulse)
    code, said = gospulse("organisations", "show", "--without-page")
    assert code == 0 and TAX in said and BANK not in said
    exempt = f"inn;exempt;exempt_reason\n{TAX};да;страницу ведёт учредитель\n"
    assert gospulse("organisations", "import", exempt)[0] == 0
    assert "0 organisations must keep a page" in gospulse("organisations", "show", "--without-page")[1]
    assert "Pages in force: vk:1." in gospulse("organisations", "show", BANK)[1]
    assert gospulse("organisations", "show", "1234567890")[0] == 2


def test_a_second_key_for_one_inn_is_found(gospulse: Gospulse) -> None:
    fill(gospulse)
    gospulse("organisations", "import", f"organisation;inn;name;place\nфилиал-1;{BANK};Филиал;{CITY}\n")
    code, said = gospulse("organisations", "check")
    assert code == 1 and f"INN {BANK} belongs to {BANK} too" in said


def test_unknown_pages_are_listed_and_put_right_by_a_stamp_set(
    gospulse: Gospulse, client: Client, tmp_path: Path
) -> None:
    fill(gospulse)
    records = [
        event("a", "appeal_received", appeal=hex32("a"), page="vk:9", place="00000000"),
        event("b", "reaction_added", page="vk:9", place="00000000", amount=4, at=T0 + HOUR),
        event("c", "comment_added", page="vk:8", place="00000000"),
        event("d", "comment_added", page="vk:1", place=OLD),
    ]
    first = StoredLog(client, 201)
    first.append(*records)
    show_generation(client, 201, Rendering())
    client.command("INSERT INTO gospulse_data.generations (generation, state) SELECT 201, tuple(now64(3), 'active')")
    listed = json.loads(gospulse("pages", "unknown", "--json")[1])
    assert [(row["page"], row["events"], row["appeals"], row["place_now"]) for row in listed] == [
        ("vk:9", 5, 1, None),
        ("vk:8", 1, 0, None),
    ]
    assert gospulse("pages", "import", PAGES + f"vk;9;Музей;{CITY};{TAX};\n")[0] == 0
    assert [row["place_now"] for row in json.loads(gospulse("pages", "unknown", "--json")[1])] == [CITY, None]
    file = tmp_path / "stamps.csv"
    assert gospulse("pages", "stamps", str(file))[0] == 0
    stamps = read_stamps(file)
    assert [(stamp.page, stamp.from_ms, stamp.place) for stamp in stamps] == [("vk:9", 0, CITY)]
    second = StoredLog(client, 202, stamps=stamps)
    second.append(*records)
    show_generation(client, 202, Rendering())
    assert rows(client, "SELECT page, place FROM gospulse.page_hour GROUP BY page, place ORDER BY page") == [
        ("vk:1", OLD),
        ("vk:8", "00000000"),
        ("vk:9", CITY),
    ]


def test_the_registers_of_a_synthetic_federation_are_imported_whole(
    gospulse: Gospulse, client: Client, tmp_path: Path
) -> None:
    made = (
        "simulate",
        "--seed",
        "5",
        "--pages",
        "120",
        "--municipalities",
        "20",
        "--registers",
        str(tmp_path / "made"),
    )
    assert gospulse(*made)[0] == 0
    for name in ("places", "organisations", "pages"):
        code, said = gospulse(name, "import", str(tmp_path / "made" / f"{name}.csv"))
        assert code == 0, said
        assert gospulse(name, "check")[0] == 0
    assert rows(client, "SELECT count(), uniqExact(place) FROM gospulse.pages WHERE registered") == [(120, 20)]
    ((organisations, without, exempt),) = rows(
        client, "SELECT count(), countIf(without_page), countIf(exempt) FROM gospulse.organisations"
    )
    assert organisations > without > exempt > 0


def test_an_import_wins_over_rows_of_a_clock_that_is_ahead(gospulse: Gospulse, client: Client) -> None:
    fill(gospulse)
    client.command(
        f"INSERT INTO gospulse_data.pages (page, valid_from, name, place, organisation, written_at) VALUES "
        f"('vk:1', '1970-01-01', 'Из будущего', '{OLD}', '{BANK}', now64(9) + toIntervalDay(3))"
    )
    assert gospulse("pages", "import", PAGES.replace("Школа;", "Лицей;"), "--from", "1970-01-01")[0] == 0
    assert rows(client, "SELECT name FROM gospulse.pages") == [("Лицей",)]


def test_ingest_reads_the_register_again_only_where_it_changed(gospulse: Gospulse, client: Client) -> None:
    fill(gospulse)
    first = read_page_register(client)
    assert gospulse("pages", "import", PAGES)[0] == 0
    client.command("OPTIMIZE TABLE gospulse_data.pages FINAL")
    assert read_page_register(client, first) is first
    assert gospulse("pages", "import", PAGES.replace("Школа;", "Лицей;"))[0] == 0
    second = read_page_register(client, first)
    assert second is not first and len(second.validities("vk:1")) == 2


def test_migrate_leaves_the_operators_places_alone(gospulse: Gospulse, client: Client) -> None:
    before = rows(client, "SELECT count() FROM gospulse.place_history")
    fill(gospulse)
    migrate(client, Rendering(), "{}")
    assert rows(client, "SELECT count() FROM gospulse.place_history") == [(before[0][0] + 1,)]
