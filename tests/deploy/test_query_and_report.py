"""``gospulse query`` and ``gospulse report`` against the real engine: forms, errors, exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.clickhouse.answers import sentence
from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.clickhouse.generations import FIRST
from streams.refresh.refresher import Refresher
from tests.conftest import ClickHouseServer
from tests.streams.builders.records import HOUR, T0, event, hex32
from tests.streams.builders.stored_log import StoredLog

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def filled(clickhouse_server: ClickHouseServer) -> Iterator[ClickHouseServer]:
    """A server with a small log: three appeals on two days, one of them by phone, and some engagement."""
    clickhouse_server.prepare()
    with open_clickhouse(clickhouse_server.connection) as client:
        log = StoredLog(client, FIRST)
        log.append(
            event("a", "appeal_received", appeal=hex32("a"), topic="housing.heating"),
            event("b", "appeal_received", appeal=hex32("b"), at=T0 - 24 * HOUR, entrance="social_other"),
            event("c", "appeal_received", appeal=hex32("c"), entrance="phone", page=None, place="05701000"),
            event("answer", "appeal_answered", appeal=hex32("a"), at=T0 + 1),
            event("lost", "appeal_answered", appeal=None, reply_to=hex32("nothing known"), at=T0 + 1),
            event("d", "reaction_added", amount=5),
            event("e", "reaction_removed", amount=2),
            b"no record",
        )
        Refresher(client, FIRST).drain()
    yield clickhouse_server


def gospulse(server: ClickHouseServer | None, folder: Path, *arguments: str, given: str = "") -> tuple[int, str, str]:
    """Runs the command: exit code, what it printed, what it complained."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GOSPULSE_")}
    environ |= {"PYTHONPATH": str(ROOT), "GOSPULSE_DATA": str(folder)}
    if server is not None:
        environ |= {
            "GOSPULSE_CLICKHOUSE": f"http://{server.analyst.host}:{server.analyst.port}",
            "GOSPULSE_ANALYST_PASSWORD": server.analyst.password.reveal(),
            "GOSPULSE_CLICKHOUSE_PASSWORD": server.connection.password.reveal(),
        }
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", *arguments],
        cwd=folder,
        env=environ,
        input=given,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_json_is_an_array_of_objects(filled: ClickHouseServer, tmp_path: Path) -> None:
    sql = "SELECT entrance, count() AS appeals, any(closed_at) AS closed FROM gospulse.appeals GROUP BY 1 ORDER BY 1;"
    code, printed, _ = gospulse(filled, tmp_path, "query", sql, "--json")
    assert code == 0
    assert json.loads(printed) == [
        {"entrance": "phone", "appeals": 1, "closed": None},
        {"entrance": "public_page", "appeals": 1, "closed": None},
        {"entrance": "social_other", "appeals": 1, "closed": None},
    ]
    assert gospulse(filled, tmp_path, "query", "SELECT 1 WHERE 0", "--json")[1] == "[]\n"


def test_csv_keeps_commas_and_leaves_absent_values_empty(filled: ClickHouseServer, tmp_path: Path) -> None:
    sql = "SELECT 'a, \"b\"' AS text, CAST(NULL, 'Nullable(UInt8)') AS nothing, [1, 2] AS list"
    code, printed, _ = gospulse(filled, tmp_path, "query", "-", "--csv", given=sql)
    assert code == 0
    assert list(csv.reader(io.StringIO(printed))) == [["text", "nothing", "list"], ['a, "b"', "", "[1,2]"]]


def test_infinite_and_unknown_differ(filled: ClickHouseServer, tmp_path: Path) -> None:
    sql = "SELECT 1 / 0 AS infinite, nan AS no_number, CAST(NULL, 'Nullable(Float64)') AS unknown"
    assert gospulse(filled, tmp_path, "query", sql, "--csv")[1] == "infinite,no_number,unknown\ninf,nan,\n"
    (row,) = json.loads(gospulse(filled, tmp_path, "query", sql, "--json")[1])
    assert row == {"infinite": "inf", "no_number": "nan", "unknown": None}
    code, printed, _ = gospulse(filled, tmp_path, "query", sql, "--vertical")
    assert (code, printed.splitlines()[1:]) == (0, ["infinite   inf", "no_number  nan", "unknown    -"])


def test_a_long_answer_is_cut_as_a_table_and_whole_as_csv(filled: ClickHouseServer, tmp_path: Path) -> None:
    sql = "SELECT number FROM numbers(100000)"
    code, printed, complained = gospulse(filled, tmp_path, "query", sql)
    assert (code, len(printed.split()) < 1_100) == (0, True)
    assert "--csv" in complained
    assert gospulse(filled, tmp_path, "query", sql, "--csv")[1].count("\n") == 100_001


@pytest.mark.parametrize(
    ("sql", "code", "says"),
    [
        ("SELECT nothing FROM gospulse.appeals", 1, "ClickHouse error 47 (UNKNOWN_IDENTIFIER)"),
        ("SELEC 1", 2, "a query does not begin with 'SELEC'; did you mean SELECT?"),
        ("SELECT 1 FORMAT CSV", 2, "leave FORMAT CSV out: --csv, --json and --vertical choose the format"),
        ("SELECT 1 FORMAT CSV SETTINGS max_threads = 1", 2, "leave FORMAT CSV out"),
        ("SELECT FROM WHERE", 1, "ClickHouse error 62 (SYNTAX_ERROR)"),
        ("SELECT * FROM gospulse_data.logs", 1, "ClickHouse error 497 (ACCESS_DENIED)"),
        ("SELECT throwIf(number = 9) FROM numbers(10)", 1, "ClickHouse error 395"),
        # The first rows are out already when it happens.
        ("SELECT throwIf(number = 1500000) FROM numbers(2000000)", 1, "ClickHouse error 395"),
        (" ; ", 2, "the query is empty"),
    ],
)
def test_an_error_is_one_sentence(filled: ClickHouseServer, tmp_path: Path, sql: str, code: int, says: str) -> None:
    found, _, complained = gospulse(filled, tmp_path, "query", sql, "--csv")
    assert found == code
    assert says in complained
    assert complained.count("\n") == 1


def test_the_writing_login_sees_the_tables_behind_the_views(filled: ClickHouseServer, tmp_path: Path) -> None:
    sql = f"SELECT count() > 0 AS some FROM gospulse_data.appeals_g{FIRST}"
    assert gospulse(filled, tmp_path, "query", sql, "--login", "gospulse", "--csv")[:2] == (0, "some\n1\n")


def test_the_report_as_json_and_for_eyes(filled: ClickHouseServer, tmp_path: Path) -> None:
    code, printed, _ = gospulse(filled, tmp_path, "report", "--json")
    report = json.loads(printed)
    assert (code, report["since"], report["until"]) == (0, "2026-02-17", "2026-03-02")
    days = {row["day"]: row for row in report["sections"]["appeals_by_day"]}
    assert {day: (row["appeals"], row["share"]) for day, row in days.items()} == {
        "2026-03-01": (1, 0.0),
        "2026-03-02": (2, 1.0),
    }
    assert report["sections"]["engagement"][0]["reactions"] == 3
    assert report["sections"]["answers"] == [
        {"source": "test", "names": "message", "answers": 1, "unmatched": 1},
        {"source": "test", "names": "appeal", "answers": 1, "unmatched": 0},
    ]
    assert report["sections"]["reconciliation"] == [{"counted": 3, "facts": 3, "repeats_beyond_the_window": 0}]
    assert {row["name"] for row in report["sections"]["top_places"]} == {None, "Владивосток"}
    code, printed, _ = gospulse(filled, tmp_path, "report", "--days", "1")
    assert code == 0
    for expected in ("2026-03-02 to 2026-03-02", "Отопление", "100.0%", "Double entry", "Active accounts", "unmatched"):
        assert expected in printed


def test_without_a_server_both_say_how_to_get_one(tmp_path: Path) -> None:
    for arguments in (("query", "SELECT 1"), ("report",)):
        code, _, complained = gospulse(None, tmp_path, *arguments)
        assert code == 1
        assert "gospulse up" in complained


def test_an_error_of_the_server_is_cut_to_its_sentence() -> None:
    raw = (
        "Received ClickHouse exception, code: 62, server response: Code: 62. DB::Exception: Syntax error: failed at "
        "position 1 (SELEC) (line 1, col 1): SELEC 1\n "
        "FORMAT JSONCompactEachRowWithNamesAndTypes. Expected one of: SELECT, WITH. (SYNTAX_ERROR) "
        "(version 26.9.2.1) (for url http://127.0.0.1:8123)"
    )
    assert sentence(raw) == (
        "ClickHouse error 62 (SYNTAX_ERROR): Syntax error: failed at position 1 (SELEC) (line 1, col 1): SELEC 1."
    )
    assert sentence("connection reset") == "connection reset"
