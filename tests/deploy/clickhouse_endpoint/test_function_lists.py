"""The lists of functions for analysts cover all functions of the engine: an upgrade that brings new ones is noticed."""

from __future__ import annotations

from collections.abc import Callable

from deploy.clickhouse_endpoint.engine.functions import read_lists
from tests.deploy.clickhouse_endpoint.builders.plain_http import Answer

Query = Callable[..., Answer]


def test_every_function_of_the_engine_is_reviewed(query: Query) -> None:
    lists = read_lists()
    known = set(query("SELECT name FROM system.functions WHERE origin = 'System' AND alias_to = ''").text.split())
    new = known - lists.allowed - lists.denied
    assert not new, f"add to `allowed` or `denied` of functions.toml, after reading what they do: {sorted(new)}"
    gone = lists.denied - known
    assert not gone, f"remove from `denied` of functions.toml, the engine no longer has them: {sorted(gone)}"
    # What the parser itself makes is not in system.functions.
    assert lists.allowed - known == {"exists", "grouping", "lambda", "untuple"}
    assert not lists.allowed & lists.denied


def test_an_alias_follows_its_function(query: Query) -> None:
    lists = read_lists()
    rows = query("SELECT name, alias_to FROM system.functions WHERE alias_to != ''").text.splitlines()
    listed = [name for name, _ in (row.split("\t") for row in rows) if name in lists.allowed | lists.denied]
    assert not listed, f"remove these aliases from functions.toml: {listed}"
