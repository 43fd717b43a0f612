"""Imports point one way: between the top folders, between the parts of ``streams``, and out of no fold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: What each folder may import of ours.
FOLDERS: dict[str, set[str]] = {
    "schemas": set(),
    "ingest": {"schemas"},
    "streams": {"schemas"},
    "dashboards": {"schemas"},
    "deploy": {"schemas", "ingest", "streams", "dashboards"},
}

#: What each part of ``streams`` may import of the others.
PARTS: dict[str, set[str]] = {
    "positions": set(),
    "grid": set(),
    "zones": set(),
    "clients": set(),
    "definition": {"grid", "positions"},
    "fold": {"definition", "grid", "positions", "zones"},
    "bookkeeping": {"definition", "positions"},
    "worker": {"bookkeeping", "clients", "definition", "fold", "grid", "positions"},
    "refresh": {"grid", "positions", "zones"},
    "rejected": {"clients", "positions"},
    # The verifier recounts with code of its own: it must not know the fold.
    "verify": {"bookkeeping", "clients", "grid", "positions"},
    "rebuild": {"bookkeeping", "definition", "grid", "positions"},
    "spikes": set(),
}

#: What only edges import: the fold and the core of the detector meet neither a broker nor a database.
PURE = (*(ROOT / "streams" / "fold").glob("*.py"), ROOT / "streams" / "grid.py", ROOT / "streams" / "zones.py")
PURE_OF_SPIKES = ("series", "expectation", "score", "dispersion", "decision", "hierarchy", "detector", "replay")
EDGES = {"aiokafka", "kafka", "faust", "mode", "clickhouse_connect", "aiohttp"}


def imported(file: Path) -> Iterator[str]:
    """Modules that a file imports, dotted, with the names taken from packages of ours."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_what_lies_below_it(folder: str) -> None:
    others = set(FOLDERS) - FOLDERS[folder] - {folder} | {"tests"}
    upward = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files(folder)
        for name in imported(file)
        if name.partition(".")[0] in others
    ]
    assert upward == []


def test_every_part_of_streams_has_its_place() -> None:
    found = {
        path.stem for path in (ROOT / "streams").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert found - {"__init__"} == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_streams_imports_only_what_lies_below_it(part: str) -> None:
    place = ROOT / "streams" / part
    own = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    upward = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in own
        for name in imported(file)
        if name.startswith("streams.") and name.split(".")[1] not in PARTS[part] | {part}
    ]
    assert upward == []


def test_no_part_of_streams_waits_for_itself() -> None:
    known: set[str] = set()
    while True:
        ready = {part for part, below in PARTS.items() if below <= known} - known
        if not ready:
            break
        known |= ready
    assert known == set(PARTS)


def test_the_endpoint_stands_alone() -> None:
    ours = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files("deploy/clickhouse_endpoint")
        for name in imported(file)
        if name.partition(".")[0] in FOLDERS and not name.startswith("deploy.clickhouse_endpoint")
    ]
    assert ours == []


def test_the_pure_parts_meet_no_edge() -> None:
    pure = [*PURE, *(ROOT / "streams" / "spikes" / f"{name}.py" for name in PURE_OF_SPIKES)]
    edges = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in pure
        for name in imported(file)
        if name.partition(".")[0] in EDGES
    ]
    assert edges == []
