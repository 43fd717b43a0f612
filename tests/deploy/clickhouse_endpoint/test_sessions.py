"""What outlives a request: sessions keep theirs, and nothing else of a request reaches the next one."""

from __future__ import annotations

from collections.abc import Callable

from tests.deploy.clickhouse_endpoint.builders.plain_http import Answer

Query = Callable[..., Answer]


def test_sessions(query: Query) -> None:
    assert query("SELECT 1", session_id="kept", session_check=1).code == 372
    assert query("CREATE TEMPORARY TABLE x (a UInt8)", session_id="kept").status == 200
    assert query("SELECT count() FROM x", session_id="kept").text == "0\n"
    assert query("SELECT count() FROM x").code == 60
    assert query("SELECT 1", session_id="kept", close_session=1).text == "1\n"
    assert query("SELECT count() FROM x", session_id="kept").code == 60
    assert query("SELECT 1", session_id="kept", session_timeout="long").code == 36
    assert query("SELECT 1", session_id="kept", session_timeout=100000).code == 374


def test_nothing_of_a_request_reaches_the_next_one(query: Query) -> None:
    # They run one after the other, so the second one may find the connection of the first one.
    threads, tag = "SELECT getSetting('max_threads')", "SELECT getSetting('log_comment')"
    usual = query(threads).text
    assert query(threads, max_threads="7").text == "7\n"
    assert query(threads).text == usual
    assert query(threads + " SETTINGS max_threads = 7").text == "7\n"
    assert query(threads).text == usual
    assert query(threads, max_threads="6").text == "6\n"
    assert query(threads, max_threads="5").text == "5\n"
    assert query(tag, log_comment="mine", query_id="a").text == "mine a\n"
    assert query(tag, query_id="b").text == "b\n"
    query("CREATE TABLE settled (a String) ENGINE = Memory")
    assert query("INSERT INTO settled SETTINGS max_threads = 7 SELECT getSetting('max_threads')").status == 200
    assert query("SELECT a FROM settled").text == "7\n"
    assert query("INSERT INTO settled SETTINGS max_threads = 7 VALUES ('x')").status == 200
    assert query(threads).text == usual
    for _ in range(2):
        assert query("INSERT INTO settled SELECT getSetting('max_threads')", max_threads="3").status == 200
        assert query("SELECT getSetting('max_threads')", profile="analyst", max_threads="2").text == "2\n"
    assert query("SELECT count() FROM settled WHERE a = '3'").text == "2\n"
    assert query("INSERT INTO settled VALUES ('y')").status == 200
    assert query("SELECT {a:String}", param_a="x").text == "x\n"
    assert query("SELECT {a:String}").code == 456
    assert query("SELECT currentDatabase()", database="system").text == "system\n"
    assert query("SELECT currentDatabase()").text != "system\n"
    assert query("SELECT currentDatabase(), throwIf(1)", database="system").code == 395
    assert query("SET max_threads = 7").status == 200
    assert query("CREATE TEMPORARY TABLE passing (a UInt8)").status == 200
    assert query("SELECT * FROM passing").code == 60
    assert query(threads).text == usual


def test_a_session_is_free_when_its_result_has_ended(query: Query) -> None:
    for _ in range(20):
        assert query("SELECT number FROM numbers(100000) FORMAT TSV", session_id="next").status == 200
        assert query("SELECT 1", session_id="next").text == "1\n"
