"""Calls of VK that were damaged: in their JSON tree, or in their bytes."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.ingest.platforms.builders.vk_calls import EVERY_CASE, GROUP, SECRET, body

#: Values that were never meant for the field that they are put into.
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**40, 1.5, -0.0, 1e308, "", " ", "0", "-1",
    "null", "я" * 3_000, "\x00", "\u202e", "\ud800", "'; DROP TABLE appeals; --", [], [[]], [None], {}, {"": {}},
    {"id": 1}, [1] * 500,
)  # fmt: skip


def mutated(seed: int, count: int, samples: Path | None) -> Iterator[bytes]:
    """``count`` damaged calls: half of them still JSON with the right secret. Equal seeds give equal calls."""
    draw = random.Random(seed)
    whole = [json.loads(body(kind, object, event_id="e")) for _, kind, object in EVERY_CASE]
    if samples is not None:
        whole += [json.loads(path.read_text(encoding="utf-8")) for path in sorted(samples.glob("*.json"))]
    for number in range(count):
        call = json.loads(json.dumps(draw.choice(whole)))
        if number % 4:
            # Past the gate of the secret: what is behind it is to be tried.
            call |= {"secret": SECRET, "group_id": GROUP}
        for _ in range(draw.choice((1, 1, 2, 5))):
            _damage_tree(call, draw, protected=number % 2 == 0)
        raw = json.dumps(call).encode()
        yield _damage_bytes(raw, draw) if number % 3 == 0 else raw


def _damage_tree(call: dict[str, Any], draw: random.Random, *, protected: bool) -> None:
    places = [place for place in _places(call) if not (protected and place[1] in ("secret", "group_id"))]
    if not places:
        return
    holder, key = draw.choice(places)
    action = draw.random()
    if action < 0.5:
        holder[key] = copy.deepcopy(draw.choice(STRANGE))
    elif action < 0.7 and isinstance(holder, dict):
        del holder[key]
    elif action < 0.8 and isinstance(holder, dict):
        field = draw.choice(("from_id", "date", "id", "message", "text", "post_id", "новое"))
        holder[field] = copy.deepcopy(draw.choice(STRANGE))
    elif action < 0.9 and isinstance(holder[key], int):
        holder[key] = holder[key] * draw.choice((-1, 0, 10, 1_000, 10**12))
    else:
        nested: Any = holder[key]
        for _ in range(draw.choice((1, 3, 150))):
            nested = [nested]
        holder[key] = nested


def _places(node: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        found.append((node, key))
        found += _places(child)
    return found


def _damage_bytes(raw: bytes, draw: random.Random) -> bytes:
    damaged = bytearray(raw)
    for _ in range(draw.choice((1, 1, 4))):
        at = draw.randrange(len(damaged) + 1)
        match draw.randrange(5):
            case 0:
                del damaged[at:]
            case 1:
                damaged[at:at] = bytes([draw.randrange(256)])
            case 2:
                del damaged[at : at + draw.randrange(1, 9)]
            case 3:
                damaged[at:at] = damaged[: draw.randrange(1, 40)]
            case _ if at < len(damaged):
                damaged[at] ^= 1 << draw.randrange(8)
    return bytes(damaged)
