"""Calls that others recorded: what the adapter makes of each, in a file that a person can read.

The samples are reference data outside the project; the test finds them at ``REFERENCE_DATA``, or beside the project.
After a wanted change, ``python -m tests.ingest.platforms.test_vk_samples`` writes the file anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingest.platforms.platform import Accepted
from ingest.platforms.vk import TYPES
from ingest.sources import Source
from schemas.contract.events import Event
from tests.ingest.platforms.builders.vk_calls import CAME_MS, SECRET, knowledge, received
from tests.servers.reference_data import reference_folder

SNAPSHOT = Path(__file__).parent / "snapshots" / "vk_samples.txt"
#: Hashes are named in the order in which they turn up, so that one sees which are equal.
_HASHES = ("id", "appeal", "thread", "message", "reply_to", "author")


def shown(folder: Path) -> str:
    """Every sample with what it becomes, one block each."""
    known: dict[str, str] = {}
    blocks = []
    for path in sorted(folder.glob("*.json")):
        payload = json.loads(path.read_text(encoding="utf-8"))
        group = payload.get("group_id", 1234)
        source = Source(page=str(group), secrets=(SECRET,), added_at=0)
        # The samples are older than the secret, and older than the horizon of no event.
        answer = received(json.dumps(payload | {"secret": SECRET}).encode(), knowledge(sources={str(group): source}))
        lines = [f"{path.stem}: {payload.get('type', 'no type')}"]
        if isinstance(answer, Accepted):
            lines += [f"    {_event(event, known)}" for event in answer.events]
            lines += [f"    rejected: {each.field}: {each.reason}" for each in answer.rejections]
            if len(lines) == 1:
                lines.append(f"    nothing: {TYPES[answer.label].cases[-1].when}")
        else:
            lines.append(f"    denied: {answer.status} {answer.reason}")
        blocks.append("\n".join(lines))
    return "\n".join(blocks) + "\n"


def _event(event: Event, known: dict[str, str]) -> str:
    at = "when it came" if event.at == CAME_MS else f"at {event.at // 1000}"
    said = [event.kind, at, f"on {event.page}"]
    for field in (*_HASHES[1:], "object", "format", "responder"):
        value = getattr(event, field)
        if value is not None:
            said.append(f"{field} {_name(field, value, known) if field in _HASHES else value}")
    return ", ".join(said)


def _name(field: str, value: str, known: dict[str, str]) -> str:
    kind = "message" if field == "reply_to" else field
    count = sum(name.startswith(kind) for name in known.values())
    return known.setdefault(value, f"{kind}-{count + 1}").removeprefix(f"{kind}-")


def test_every_sample_becomes_what_the_snapshot_says() -> None:
    folder = reference_folder("payloads/vk/callback")
    if folder is None:
        pytest.skip("the recorded calls of VK are not here: set REFERENCE_DATA to the folder with payloads/")
    assert shown(folder) == SNAPSHOT.read_text(encoding="utf-8")


if __name__ == "__main__":
    found = reference_folder("payloads/vk/callback")
    assert found is not None, "no samples"
    SNAPSHOT.write_text(shown(found), encoding="utf-8")
