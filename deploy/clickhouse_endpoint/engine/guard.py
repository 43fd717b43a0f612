"""What the login ``analyst`` may do: read the database ``gospulse`` and a few system tables, within limits.

The engine has one user and no rights of its own to give, so each statement is checked before it runs: the engine
must classify it as reading only, and no table, function or setting that its own parser finds in it may be one that
is kept back. `readonly = 2` is set besides (1 would silently drop the SETTINGS inside views and change their rows).
A guard for trusted analysts on one machine, no wall against an attacker: rights per territory belong to a real server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from deploy.clickhouse_endpoint.engine.engine import EngineConnection, StatementClass
from deploy.clickhouse_endpoint.errors import ACCESS_DENIED, READONLY, ClickHouseError
from deploy.clickhouse_endpoint.sql.tokens import Token, tokens

DATABASE: Final = "gospulse"
_HIDDEN_DATABASES: Final = frozenset(
    ("gospulse_data", "default", "information_schema", "_temporary_and_external_tables")
)
_SYSTEM_TABLES: Final = frozenset(
    ("tables", "columns", "databases", "settings", "functions", "data_type_families", "one", "numbers", "numbers_mt")
)
_ROOTS: Final = re.compile(
    r"(SelectWithUnionQuery|SelectIntersectExceptQuery|Explain|ShowTables|ShowColumns|ShowFunctions|DescribeQuery"
    r"|ShowCreate(?:Table|View|Database)Query|Exists(?:Table|View|Database)Query)\b"
)
_TABLE_FUNCTIONS: Final = frozenset(
    (
        "numbers",
        "numbers_mt",
        "zeros",
        "zeros_mt",
        "values",
        "sqlstandardvalues",
        "generateseries",
        "generate_series",
        "view",
        "null",
        "format",
    )
)
# Scalar functions that read files, other tables, other machines or the engine's inside.
_KEPT_FUNCTIONS: Final = re.compile(
    r"file|dict\w*|joinget\w*|hascolumnintable|catboost\w*|getserversetting|getmacro|showcertificate"
    r"|getclienthttpheader|addressto\w*|demangle|trap|filesystem\w*|initialqueryid|structureto\w*schema"
)
_AI_FUNCTIONS: Final = re.compile(r"ai[A-Z]\w*")
_NODE: Final = re.compile(r"^ *(\w+)(?: (.*))?$")
_SUFFIX: Final = re.compile(r"(?: \(alias [^\n]*\))?(?: \(children \d+\))?$")

# Settings that change how a query is computed or printed, and bounds. None that names a file, a dialect or an address.
_SETTINGS: Final = re.compile(
    r"output_format_(?:arrow|binary|bson|csv|decimal|float|json|markdown|msgpack|native|orc|parquet|pretty|tsv|values|write)"
    r"_\w+|format_csv_(?:delimiter|allow_\w+)|date_time_(?:input|output)_format|cast_\w+|session_timezone"
    r"|join_(?:use_nulls|algorithm|default_strictness|overflow_mode)|(?:result|read|timeout|group_by|set|sort|distinct)_overflow_mode"
    r"|max_(?:threads|block_size|result_rows|result_bytes|rows_to_read|bytes_to_read|rows_to_group_by|rows_in_join|rows_in_set"
    r"|columns_to_read|subquery_depth|query_size|ast_depth|ast_elements|expanded_ast_elements|execution_time|memory_usage)"
    r"|group_by_\w+|optimize_\w+|query_plan_\w+|short_circuit_\w+|totals_\w+|compile_\w+|prefer_column_name_to_alias"
    r"|enable_(?:analyzer|positional_arguments|global_with_statement|optimize_predicate_expression|order_by_all)"
    r"|allow_experimental_(?:analyzer|\w+_type)|use_query_cache|use_skip_indexes|final|limit|offset|extremes|transform_null_in"
    r"|any_join_distinct_right_table_keys|union_default_mode|aggregate_functions_null_for_empty|decimal_check_overflow|log_comment"
)


# Drivers send these with every request; for who only reads they mean nothing.
_IDLE_SETTINGS: Final = re.compile(r"async_insert\w*|wait_for_async_insert\w*|insert_\w+|input_format_\w+")


class AnalystLimits(Struct, frozen=True, kw_only=True):
    """The most that one query of an analyst may take: seconds, bytes, threads; and how many may run at once."""

    seconds: int = 60
    memory: int = 2_000_000_000
    threads: int = 4
    queries: int = 16


class AnalystGuard:
    """Checks statements and settings of the login ``analyst``."""

    def __init__(self, limits: AnalystLimits, table_functions: frozenset[str]) -> None:
        """``table_functions``: all names that the engine knows (any case)."""
        self._most = {
            "max_execution_time": limits.seconds,
            "max_memory_usage": limits.memory,
            "max_threads": limits.threads,
        }
        self._kept_table_functions = frozenset(name.lower() for name in table_functions) - _TABLE_FUNCTIONS

    def database(self, asked: str) -> str:
        """The current database for a request; clients that insist on ``default`` are given ``gospulse``.

        Raises:
            ClickHouseError: 497 for another one.
        """
        if asked in ("", "default", DATABASE):
            return DATABASE
        raise _denied(f"the database {asked!r} is not for analysts, use {DATABASE!r}")

    def settings(self, asked: Mapping[str, str]) -> dict[str, str]:
        """The settings of a request: what the client asked, where that is allowed, bounded by the limits.

        Raises:
            ClickHouseError: 164 for a setting that analysts may not change.
        """
        chosen = {name: value for name, value in asked.items() if not _IDLE_SETTINGS.fullmatch(name)}
        for name in chosen:
            self._check_name(name)
        for name, most in self._most.items():
            value = _whole(chosen.get(name, "0"))
            chosen[name] = str(min(value, most) if value > 0 else most)
        return chosen

    def check(self, connection: EngineConnection, sql: bytes, parameters: Mapping[str, str]) -> None:
        """Let the statement pass or refuse it. Blocks in the engine.

        Args:
            connection: with the request's database and settings applied.

        Raises:
            ClickHouseError: 164 for what does not only read, 497 for what is kept back, 62 for bad SQL.
        """
        kind, count = connection.classify(sql)
        if count > 1 or kind not in (StatementClass.READ_ONLY, StatementClass.UNKNOWN):
            raise ClickHouseError(READONLY, "analyst: Cannot execute query in readonly mode: this login only reads")
        self._check_words(sql)
        tree = connection.run(b"EXPLAIN AST " + sql, "TSVRaw", parameters).payload.decode("utf-8", "replace")
        if kind is StatementClass.UNKNOWN or not _ROOTS.match(tree):
            raise _denied("this kind of statement is not for analysts")
        for line in tree.splitlines():
            node = _NODE.match(line)
            if node is None:
                continue
            if node[1] == "ColumnsApplyTransformer":
                self._check_all_names(sql)
            self._check_node(node[1], _SUFFIX.sub("", node[2] or ""))

    def _check_words(self, sql: bytes) -> None:
        # SETTINGS do not show in the tree, nor does the database of SHOW … FROM.
        found = list(tokens(sql))
        for token in found:
            if token.name.lower() in _HIDDEN_DATABASES - {"default"}:
                raise _denied(f"{token.name} is not for analysts")
        # SETTINGS name = value [, name = value …], wherever it stands.
        for at, token in enumerate(found):
            if token.keyword != "SETTINGS" or at + 2 >= len(found) or found[at + 2].text != b"=":
                continue
            position = at + 1
            while position + 2 < len(found) and found[position].name and found[position + 1].text == b"=":
                name, value = found[position].name, found[position + 2]
                self._check_name(name)
                if name in self._most and not 0 < _whole(value.text.decode("latin-1").strip("'")) <= self._most[name]:
                    raise ClickHouseError(READONLY, f"analyst: the setting {name} may be from 1 to {self._most[name]}")
                depth = token.depth
                position += 3
                while position < len(found) and not (found[position].text == b"," and found[position].depth == depth):
                    position += 1
                position += 1

    def _check_name(self, name: str) -> None:
        if not _SETTINGS.fullmatch(name):
            raise ClickHouseError(READONLY, f"analyst: Cannot modify {name!r} setting in readonly mode")

    def _check_all_names(self, sql: bytes) -> None:
        # The tree does not show what stands in APPLY(…), so then every name in the text counts, wherever it stands.
        found = list(tokens(sql))
        for at, token in enumerate(found):
            if token.name:
                self._check_function(token.name)
                if at + 2 < len(found) and found[at + 1].text == b".":
                    self._check_table(token.name, found[at + 2].name)

    def _check_function(self, function: str) -> None:
        name = function.lower()
        if name in self._kept_table_functions or _KEPT_FUNCTIONS.fullmatch(name) or _AI_FUNCTIONS.fullmatch(function):
            raise _denied(f"the function {function} is not for analysts")

    def _check_node(self, kind: str, text: str) -> None:
        if kind == "Function":
            self._check_function(text)
        elif kind in ("TableIdentifier", "Identifier"):
            database, dot, rest = text.partition(".")
            if dot:
                self._check_table(database, rest.partition(".")[0])
        elif kind.endswith("Query") and kind.startswith(("ShowCreate", "Exists")):
            database, _, table = text.rpartition(" ")
            if database:
                self._check_table(database, table)

    def _check_table(self, database: str, table: str) -> None:
        if database.lower() in _HIDDEN_DATABASES or (database == "system" and table not in _SYSTEM_TABLES):
            raise _denied(f"{database}.{table} is not for analysts")


def check_writer(sql: bytes) -> None:
    """What even the login that writes may not: read the machine's files and this process's objects.

    Raises:
        ClickHouseError: 497.
    """
    before: Token | None = None
    for token in tokens(sql):
        if token.text == b"(" and before is not None and before.name.lower() in ("file", "python"):
            raise ClickHouseError(ACCESS_DENIED, f"gospulse: Not enough privileges: {before.name} is switched off")
        before = token


def _denied(what: str) -> ClickHouseError:
    return ClickHouseError(ACCESS_DENIED, f"analyst: Not enough privileges: {what}")


def _whole(text: str) -> int:
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return 0
