"""The registers of a synthetic federation as files that ``gospulse places | organisations | pages import`` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from ingest.registers.registers import ORGANISATIONS, PAGES, PLACES, SIGNS, Register
from ingest.registers.table_file import write_csv, written_fields
from ingest.simulator.federation import Federation
from ingest.simulator.geography import Place
from ingest.simulator.pages import Page
from schemas.reference import reference_data

#: The share of pages that have each sign of the official rating.
_SIGN_SHARES: Final[Mapping[str, float]] = {
    "created": 1.0,
    "gos_mark": 0.9,
    "pos_component": 0.85,
    "pos_widget": 0.8,
    "comments_open": 0.7,
    "administrators_appointed": 0.95,
    "administrators_trained": 0.6,
    "mini_apps": 0.3,
}
_LEVELS: Final[Mapping[str, str]] = {
    "authority_federal": "federal",
    "court": "federal",
    "authority_regional": "regional",
}
#: Of a hundred organisations so many keep no page though they must, and so many need not.
_WITHOUT_PAGE: Final = 5
_EXEMPT: Final = 2
_REGISTERS: Final = 2


def write_registers(federation: Federation, folder: Path) -> dict[str, Path]:
    """Write ``places.csv``, ``organisations.csv`` and ``pages.csv``; the paths by register. Raises OSError.

    A page of a network other than VK belongs to an organisation that keeps a VK page in the same place, where there is
    one. The same seed and size give the same files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Numbers of their own: what the federation sends does not depend on whether its registers were written.
    rng = np.random.default_rng([federation.spec.seed, federation.spec.pages, _REGISTERS])
    pages = federation.pages.register(federation.places)
    keepers = _keepers(pages)
    files: dict[str, tuple[Register, Iterator[dict[str, Any]]]] = {
        "places": (PLACES, _places(federation.places)),
        "organisations": (ORGANISATIONS, _organisations(federation, pages, keepers)),
        "pages": (PAGES, _pages(federation.spec.seed, pages, keepers, rng)),
    }
    paths = {name: folder / f"{name}.csv" for name in files}
    for name, (register, rows) in files.items():
        with paths[name].open("w", encoding="utf-8", newline="") as stream:
            write_csv(stream, written_fields(register, history=False), rows)
    return paths


def _places(places: list[Place]) -> Iterator[dict[str, Any]]:
    shipped = {row.code: row for row in reference_data.municipalities()}
    for place in sorted(places, key=lambda place: place.code):
        real = shipped.get(place.code)
        counted: tuple[int | None, int | None, str | None] = (place.population, 2024, "синтетические данные")
        if real is not None:
            counted = (real.population, real.population_year, "Росстат") if real.population else (None, None, None)
        yield {
            "place": place.code,
            "name": place.name,
            "population": counted[0],
            "population_year": counted[1],
            "population_source": counted[2],
        }


def _keepers(pages: list[Page]) -> list[int]:
    """For each page the number of the page after which its organisation is called."""
    by_place: dict[str, list[int]] = {}
    for number, page in enumerate(pages):
        if page.channel == "vk":
            by_place.setdefault(page.place, []).append(number)
    return [
        number
        if page.channel == "vk" or page.place not in by_place
        else by_place[page.place][number % len(by_place[page.place])]
        for number, page in enumerate(pages)
    ]


def _organisations(federation: Federation, pages: list[Page], keepers: list[int]) -> Iterator[dict[str, Any]]:
    seed = federation.spec.seed
    for number in sorted(set(keepers)):
        page = pages[number]
        yield _organisation(_key(seed, number), page.name, page.kind, page.place)
    for number in range(0, len(pages), 100):
        place = pages[number].place
        for rank in range(min(_WITHOUT_PAGE + _EXEMPT, len(pages) - number)):
            reason = "страницу ведёт учредитель" if rank >= _WITHOUT_PAGE else None
            name = f"Синтетическая библиотека № {number + rank + 1}"
            yield _organisation(f"synthetic-{seed}-library-{number + rank}", name, "culture", place, reason)


def _organisation(key: str, name: str, kind: str, place: str, exempt_reason: str | None = None) -> dict[str, Any]:
    return {
        "organisation": key,
        "name": name,
        "kind": kind,
        "place": place,
        "level": _LEVELS.get(kind, "municipal"),
        "exempt": exempt_reason is not None,
        "exempt_reason": exempt_reason,
    }


def _pages(seed: int, pages: list[Page], keepers: list[int], rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    signs = {sign: (rng.random(len(pages)) < _SIGN_SHARES[sign]).tolist() for sign in SIGNS}
    classes = rng.choice(["flagship", "active", "card"], size=len(pages), p=[0.05, 0.65, 0.3]).tolist()
    for number, page in enumerate(pages):
        network, _, native_id = page.page.partition(":")
        yield {
            "network": network,
            "native_id": native_id,
            "name": page.name,
            "place": page.place,
            "organisation": _key(seed, keepers[number]),
            "class": classes[number],
            **{sign: values[number] for sign, values in signs.items()},
        }


def _key(seed: int, number: int) -> str:
    return f"synthetic-{seed}-{number}"
