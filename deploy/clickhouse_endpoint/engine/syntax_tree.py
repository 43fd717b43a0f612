"""The syntax tree of a statement, by the engine's own parser (`EXPLAIN AST`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from deploy.clickhouse_endpoint.engine.engine import EngineConnection

_NODE: Final = re.compile(r"^( *)(\w+)(?:::\w+)*(?: (.*))?$")
_SUFFIX: Final = re.compile(r"(?: \(alias [^\n]*?\))?(?: \(children (\d+)\))?$")
_LINE_ENDS: Final = "a name with a line end cannot be checked; take another name"


class Node(NamedTuple):
    """A node of a syntax tree.

    ``depth`` is 0 for the statement. ``parent`` is the kind of its parent, ``caller`` the function that it is an
    argument of (or ""), ``first`` whether it is the first child of its parent.
    """

    kind: str
    text: str
    depth: int
    parent: str
    caller: str
    first: bool


def syntax_tree(connection: EngineConnection, sql: bytes, parameters: Mapping[str, str]) -> str:
    """The tree as the engine prints it, with the parameters in place. Blocks in the engine.

    ``sql`` must be one statement: the engine would run a second one.

    Raises:
        ClickHouseError: bad SQL.
    """
    return connection.run(b"EXPLAIN AST " + sql, "TSVRaw", parameters).payload.decode("utf-8", "replace")


def nodes_of(tree: str) -> Iterator[Node]:
    """The nodes in their order.

    Literals are printed with escapes, names as they are. A name with a line end could pass for nodes, so each node must
    have as many children as its line says.

    Raises:
        ValueError: it has not.
    """
    above: list[tuple[str, str]] = []
    missing: list[int] = []  # children that are to come, of each node above
    before = -1
    for line in tree.rstrip("\n").split("\n"):  # not `splitlines`: literals may hold its other separators
        found = _NODE.match(line)
        while missing and not missing[-1]:
            missing.pop()
        depth = len(missing)
        if found is None or len(found[1]) != depth or (depth == 0 and before >= 0):
            raise ValueError(_LINE_ENDS)
        if missing:
            missing[-1] -= 1
        kind, rest = found[2], f" {found[3] or ''}"
        suffix = _SUFFIX.search(rest)
        missing.append(int(suffix[1] or 0) if suffix else 0)
        text = rest[1 : suffix.start()] if suffix else rest[1:]
        above[depth:] = [(kind, text)]
        over, caller = above[depth - 2] if depth > 1 else ("", "")
        parent = above[depth - 1][0] if depth else ""
        yield Node(kind, text, depth, parent, caller if over == "Function" else "", first=depth == before + 1)
        before = depth
    if any(missing):
        raise ValueError(_LINE_ENDS)
