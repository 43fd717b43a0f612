"""The catalogue of the views: what each file says of its view and columns, and the document made of it.

``python -m schemas.clickhouse.view_catalogue`` writes ``docs/views.md``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

from schemas.clickhouse.sql_files import SqlFile, SqlFileError, sql_files

_TEXT = r"'(?P<{}>(?:[^']|'')*)'"
_HEAD: Final = re.compile(
    r"CREATE OR REPLACE VIEW gospulse\.(?P<name>[a-z0-9_]+) \{on_cluster\}\n\((?P<columns>.*?)\n\)\nAS\n", re.DOTALL
)
_COLUMN: Final = re.compile(
    r"\s*(?P<name>[a-z0-9_]+) (?P<type>.+?) COMMENT " + _TEXT.format("comment") + r"(?:,|$)", re.MULTILINE
)
_COMMENT: Final = re.compile(r"COMMENT " + _TEXT.format("comment") + r";\s*\Z")
_GENERATION: Final = " Generation {generation}."
#: A column with the same name, type and meaning in so many views is described once.
SHARED_FROM: Final = 3

_INTRODUCTION: Final = """# Views

The database `gospulse` is what people read: analysts in SQL, dashboards, exports. Its views keep their names and
columns; the tables behind them (`gospulse_data`) may change with every generation. This page is made from the comments
in `schemas/clickhouse/views` by `python -m schemas.clickhouse.view_catalogue`; the same comments stand in
`system.tables` and `system.columns`.

Times are UTC, days say whose they are, absent values are NULL. Every view reads one generation, whose number is in its
comment and in the view `generation`.
"""


class Column(Struct, frozen=True):
    """A column of a view: name, type in ClickHouse, meaning."""

    name: str
    type: str
    comment: str


class View(Struct, frozen=True):
    """A view of the database ``gospulse``."""

    name: str
    comment: str
    columns: tuple[Column, ...]


def views() -> tuple[View, ...]:
    """The views in the order of their files. Raises SqlFileError for a file that is not written in their form."""
    return tuple(read_view(file) for file in sql_files("views"))


def read_view(file: SqlFile) -> View:
    """What a file says. Raises SqlFileError where it is not in the form of the others."""
    head, comment = _HEAD.search(file.text), _COMMENT.search(file.text)
    if head is None or comment is None or head["name"] != file.name[5:].removesuffix(".sql"):
        raise SqlFileError(
            f"views/{file.name} is not of the form CREATE OR REPLACE VIEW gospulse.<name of the file> {{on_cluster}} "
            "(columns with comments) AS … COMMENT '…';"
        )
    columns = tuple(
        Column(found["name"], found["type"], _plain(found["comment"])) for found in _COLUMN.finditer(head["columns"])
    )
    return View(head["name"], _plain(comment["comment"]).removesuffix(_GENERATION), columns)


def document(catalogue: tuple[View, ...]) -> str:
    """The document, in Markdown. Columns that several views share are described once."""
    number = Counter(column for view in catalogue for column in view.columns)
    # Of the meanings of one name only the most frequent is shared: a name in a list must say one thing.
    first = {column.name: column for column, _ in reversed(number.most_common())}
    shared = {column: None for column in number if number[column] >= SHARED_FROM and first[column.name] == column}
    parts = [_INTRODUCTION, "\n".join(f"- [`{view.name}`](#{view.name}): {_first(view.comment)}" for view in catalogue)]
    parts.append(f"## Columns that several views share\n\n{_table(shared)}")
    for view in catalogue:
        repeated = ", ".join(f"`{column.name}`" for column in view.columns if column in shared)
        own = _table([column for column in view.columns if column not in shared])
        parts.append(f"## {view.name}\n\n{view.comment}")
        if repeated:
            parts.append(f"Shared columns: {repeated}.")
        if own:
            parts.append(own)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _table(columns: Iterable[Column]) -> str:
    rows = [f"| `{column.name}` | {column.type.replace('|', '')} | {column.comment} |" for column in columns]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *rows]) if rows else ""


def _first(comment: str) -> str:
    return comment.partition(". ")[0].rstrip(".")


def _plain(text: str) -> str:
    return text.replace("''", "'")


if __name__ == "__main__":
    Path("docs").mkdir(exist_ok=True)
    Path("docs/views.md").write_text(document(views()), encoding="utf-8")
