"""Rights of the login `analyst`: read the database `gospulse` and some system tables, within limits.

The engine enforces most of it. A connection of the login takes the role `analyst` (rights on tables) and the profile
`analyst` (which settings may change, and how far); both stand in ``configuration``. The engine has no rights on
functions and on system tables, so each statement is checked here before it runs. The engine's own parser reads it
(`EXPLAIN AST`, after parameters are substituted); kinds of nodes, functions and system tables must be known ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from deploy.clickhouse_endpoint.engine.configuration import ANALYST, DATABASE, AnalystLimits, may_change
from deploy.clickhouse_endpoint.engine.engine import EngineConnection, StatementClass
from deploy.clickhouse_endpoint.engine.functions import FunctionRules
from deploy.clickhouse_endpoint.engine.syntax_tree import Node, nodes_of, syntax_tree
from deploy.clickhouse_endpoint.errors import ACCESS_DENIED, READONLY, SETTING_CONSTRAINT_VIOLATION, ClickHouseError
from deploy.clickhouse_endpoint.sql.quoting import literal
from deploy.clickhouse_endpoint.sql.statements import Statement

_SYSTEM_TABLES: Final = re.compile(
    "tables|columns|databases|settings|functions|table_functions|aggregate_function_combinators|data_type_families"
    "|formats|time_zones|keywords|one|numbers|numbers_mt|zeros|zeros_mt"
)
# Their columns with paths of the machine cannot be kept from `*`.
_TABLES_WITH_PATHS: Final = frozenset(("tables", "databases"))
_PATHS: Final = re.compile(r"(.*\.)?(data_paths?|metadata_path)")
_ROOTS: Final = re.compile(
    r"(SelectWithUnionQuery|SelectIntersectExceptQuery|Explain|ShowTables|ShowColumns|ShowFunctions|DescribeQuery"
    r"|ShowCreate(?:Table|View|Database)Query|Exists(?:Table|View|Database)Query)\b"
)
# Kinds of nodes whose names are all in the tree.
_NODES: Final = re.compile(
    "SelectWithUnionQuery|SelectIntersectExceptQuery|SelectQuery|Subquery|WithElement|ExpressionList|Function|Literal"
    "|Identifier|TableIdentifier|TablesInSelectQuery|TablesInSelectQueryElement|TableExpression|TableJoin|ArrayJoin"
    "|SampleRatio|OrderByElement|InterpolateElement|WindowDefinition|WindowListElement|DataType|Set"
    "|Asterisk|QualifiedAsterisk|ColumnsRegexpMatcher|ColumnsListMatcher|QualifiedColumnsRegexpMatcher"
    "|QualifiedColumnsListMatcher|ColumnsTransformerList|ColumnsExceptTransformer|ColumnsReplaceTransformer"
)
# Kinds of nodes with names that the tree does not show.
_HIDING: Final = re.compile("ColumnsApplyTransformer|ShowTables|ShowColumns|ShowFunctions")
_STRUCTURED: Final = frozenset(("values", "sqlstandardvalues", "null", "generaterandom"))
_DEFAULTS: Final = re.compile(r"\b(default|materialized|alias|ephemeral)\b", re.IGNORECASE)
_STAR: Final = re.compile(r"(Qualified)?(Asterisk|ColumnsRegexpMatcher)")
_MAYBE_FILE: Final = re.compile(rb"file|python|\\\\|identifier", re.IGNORECASE)
_ENDS_EXPRESSION: Final = frozenset((")", "]", "number", "string", "quoted"))
_WORD: Final = re.compile(r"\w+")

# Drivers send these with every request. They do not affect reading.
_IDLE_SETTINGS: Final = re.compile(r"async_insert\w*|wait_for_async_insert\w*|insert_\w+|input_format_\w+")


class AnalystGuard:
    """Checks statements and settings of the login `analyst`."""

    def __init__(self, limits: AnalystLimits, functions: FunctionRules) -> None:
        self._limits = limits.settings()
        self.functions = functions

    def database(self, asked: str) -> str:
        """The current database for a request; clients that insist on `default` are given `gospulse`.

        Raises:
            ClickHouseError: 497 for another one.
        """
        if asked in ("", "default", DATABASE):
            return DATABASE
        raise _denied(f"the database {asked!r} is not for analysts, use {DATABASE!r}")

    def settings(self, asked: Mapping[str, str]) -> dict[str, str]:
        """The settings of a request: those that the client asked for, cut to the limits.

        Raises:
            ClickHouseError: 452 for a setting that analysts may not change.
        """
        chosen = {name: value for name, value in asked.items() if not _IDLE_SETTINGS.fullmatch(name)}
        for name in chosen:
            if not may_change(name):
                problem = f"analyst: Setting {name} should not be changed"
                raise ClickHouseError(SETTING_CONSTRAINT_VIOLATION, problem)
        for name, most in self._limits.items():
            value = _whole(chosen.get(name, "0"))
            chosen[name] = str(min(value, most) if value > 0 else most)
        return chosen

    def enter(self, connection: EngineConnection, settings: Mapping[str, str]) -> None:
        """Give the connection the rights of the login, for good, and the settings. Blocks in the engine.

        `readonly = 2` comes besides: 1 would drop the SETTINGS inside views and change their rows.
        """
        self.take_role(connection)
        connection.run(f"SET profile = '{ANALYST}'")
        connection.run("SET " + ", ".join(f"{name} = {literal(value)}" for name, value in settings.items()))
        connection.run("SET readonly = 2")

    def take_role(self, connection: EngineConnection) -> None:
        """Give up the rights of the login that writes. Temporary tables can still be made. Blocks in the engine."""
        connection.run(f"SET ROLE {ANALYST}")

    def check(self, connection: EngineConnection, asked: bytes, sql: bytes, parameters: Mapping[str, str]) -> None:
        """Reject a statement that the login may not run. Blocks in the engine.

        Args:
            connection: with the request's database and settings applied.
            asked: the statement of the client.
            sql: what is going to run: the same, with the pipe for the result.
            parameters: the values of its parameters.

        Raises:
            ClickHouseError: 164 for a statement that does not only read, 497 for what the login may not use, 62 for
                bad SQL.
        """
        kind, count = connection.classify(asked)
        if count > 1 or kind not in (StatementClass.READ_ONLY, StatementClass.UNKNOWN):
            raise ClickHouseError(READONLY, "analyst: Cannot execute query in readonly mode: this login only reads")
        tree = syntax_tree(connection, sql, parameters)
        if kind is StatementClass.UNKNOWN or not _ROOTS.match(tree):
            raise _denied("this kind of statement is not for analysts")
        try:
            nodes = list(nodes_of(tree))
        except ValueError as error:
            raise _denied(str(error)) from None
        for node in nodes:
            if not any(known.fullmatch(node.kind) for known in (_NODES, _HIDING, _ROOTS)):
                raise _denied(f"an expression of the kind {node.kind} is not for analysts")
            self._check_node(node.kind, node.text, node.parent)
            if node.first and node.caller.lower() in _STRUCTURED:
                _check_structure(node)
        _check_paths(nodes)
        if any(_HIDING.fullmatch(node.kind) for node in nodes):
            self._check_words(connection, sql)

    def _check_node(self, kind: str, text: str, parent: str) -> None:
        if kind == "Function":
            if parent == "TableExpression":
                if not self.functions.may_read_from(text):
                    raise _denied(f"the table function {text} is not for analysts")
            elif not self.functions.may_call(text):
                raise _denied(f"the function {text} is not for analysts")
        elif kind in ("TableIdentifier", "Identifier"):
            if not self.functions.may_name(text):
                raise _denied(f"{text} is the name of a function that is not for analysts; take another alias")
            database, dot, rest = text.partition(".")
            if dot:
                _check_table(database, rest.partition(".")[0])
        elif kind.endswith("Query") and kind.startswith(("ShowCreate", "Exists")):
            database, _, table = text.rpartition(" ")
            if database:
                _check_table(database, table)

    def _check_words(self, connection: EngineConnection, sql: bytes) -> None:
        # The engine prints the statement without comments and escapes. Every word of it counts, in any place.
        whole = sql.decode("utf-8", "surrogateescape")
        canonical = connection.run(f"SELECT formatQuerySingleLine({literal(whole)})", "TSVRaw").payload.decode(
            "utf-8", "replace"
        )
        for word in _WORD.findall(canonical):
            if not self.functions.may_name(word):
                raise _denied(f"{word} is the name of a function that is not for analysts")
            if word.lower() in ("system", "information_schema"):
                raise _denied("system tables together with APPLY or SHOW … WHERE are not for analysts")


def _check_structure(node: Node) -> None:
    # Columns that are described by a text may have defaults, which are expressions that the tree does not show.
    plain = node.kind == "Literal" or (node.kind == "Function" and node.text == "tuple")
    if not plain or _DEFAULTS.search(node.text):
        raise _denied(
            f"{node.caller} with columns that are not a plain text, or that have a default, is not for analysts"
        )


def _check_paths(nodes: list[Node]) -> None:
    if not any(node.text == f"system.{table}" for node in nodes for table in _TABLES_WITH_PATHS):
        return
    for node in nodes:
        named = node.kind == "Identifier" and _PATHS.fullmatch(node.text)
        if named or (_STAR.fullmatch(node.kind) and node.caller.lower() != "count"):
            raise _denied("paths of the machine are not for analysts; name the other columns of the system table")


def check_writer(connection: EngineConnection, sql: bytes, parameters: Mapping[str, str]) -> None:
    """Reject what reads files of the machine or objects of this process, for the login that writes. Blocks.

    The confinement of the process protects files. This check is for kernels without Landlock.

    Raises:
        ClickHouseError: 497.
    """
    if not _MAYBE_FILE.search(sql):
        return
    try:
        tree = syntax_tree(connection, sql, parameters)
    except ClickHouseError:
        return  # the statement itself will say what is wrong
    try:
        nodes = list(nodes_of(tree))
    except ValueError as error:
        raise ClickHouseError(ACCESS_DENIED, f"gospulse: Not enough privileges: {error}") from None
    for node in nodes:
        passed = node.kind == "Identifier" and node.caller.lower().startswith(("array", "map"))
        if node.text.lower() in ("file", "python") and (node.kind == "Function" or passed):
            advice = "; name the table of a column of this name" if passed else ""
            raise ClickHouseError(
                ACCESS_DENIED, f"gospulse: Not enough privileges: {node.text} is switched off{advice}"
            )


class FormatClauses:
    """Tells the clause FORMAT from a column `format`."""

    def __init__(self, connection: EngineConnection) -> None:
        """Read the engine's keywords."""
        keywords = connection.run("SELECT upper(keyword) FROM system.keywords", "TSVRaw").payload.decode()
        self._keywords = frozenset(keywords.split())

    def has_format(self, connection: EngineConnection, statement: Statement, parameters: Mapping[str, str]) -> bool:
        """Whether the statement, which has the word FORMAT, has the clause. May block in the engine.

        An expression cannot go on with two words. So `FORMAT Name` at the end is the clause behind a name, a literal or
        a closing bracket. Behind a keyword or an operator `format` may be a column: the engine's parser decides.
        """
        after = statement.format_after
        if after in _ENDS_EXPRESSION or (after.isidentifier() and after.isupper() and after not in self._keywords):
            return True
        try:
            tree = syntax_tree(connection, statement.sql, parameters)
        except ClickHouseError:
            return True  # the statement itself will say what is wrong
        return any(line.startswith(" Identifier ") for line in tree.splitlines())


def _check_table(database: str, table: str) -> None:
    # The role decides about all other databases; the engine lets everybody read these two.
    if database.lower() == "information_schema" or (database == "system" and not _SYSTEM_TABLES.fullmatch(table)):
        raise _denied(f"{database}.{table} is not for analysts")


def _denied(what: str) -> ClickHouseError:
    return ClickHouseError(ACCESS_DENIED, f"analyst: Not enough privileges: {what}")


def _whole(text: str) -> int:
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return 0
