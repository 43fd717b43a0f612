"""The catalogue of the views: what each file says of its view and columns, and the document made of it.

``python -m schemas.clickhouse.view_catalogue`` writes ``docs/views.md``.
"""

from __future__ import annotations

import re
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
    """The document, in Markdown."""
    parts = [_INTRODUCTION, "\n".join(f"- [`{view.name}`](#{view.name}): {_first(view.comment)}" for view in catalogue)]
    for view in catalogue:
        rows = "\n".join(f"| `{c.name}` | {c.type.replace('|', '')} | {c.comment} |" for c in view.columns)
        parts.append(f"## {view.name}\n\n{view.comment}\n\n| column | type | meaning |\n|---|---|---|\n{rows}")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _first(comment: str) -> str:
    return comment.partition(". ")[0].rstrip(".")


def _plain(text: str) -> str:
    return text.replace("''", "'")


if __name__ == "__main__":
    Path("docs").mkdir(exist_ok=True)
    Path("docs/views.md").write_text(document(views()), encoding="utf-8")
