"""``docs/payloads.md``, generated: what each type of call of each platform becomes.

``python -m ingest.platforms.payloads_page`` writes it; a test keeps the committed page equal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ingest.platforms.vk import API_VERSION, TYPES, Type

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "payloads.md"

_INTRODUCTION: Final = f"""# What platforms send, and what it becomes

Generated from the adapters: `python -m ingest.platforms.payloads_page`. Kinds and fields are those of the
[contract](contract.md). How pages are connected: [webhook](webhook.md).

A call becomes one of these three:

* **events**: they are in Kafka before the platform gets its acknowledgement;
* **nothing**: the call is acknowledged and counted in the metrics;
* **a rejection**: the call cannot be read, or its type is unknown. It is acknowledged and noted in the topic
  `rejected` with the type and the field, never with contents.

No text, name, address, raw account id or clerk's id leaves an adapter. `author` is a pseudonym under the author key;
`id`, `appeal`, `thread`, `message` and `reply_to` are keyed hashes under the identity key.

## VK (`/vk`, Callback API {API_VERSION})

* The page is `vk:<group_id>`, the source `vk-callback`, the channel `vk`, the entrance `public_page`.
* The thread is one citizen's dialogue, comments under one post, messages in one discussion, or suggested posts.
  The appeal is the thread on one Moscow day.
* Comments are comments for now, not appeals. So an official reply to a comment is an answer without an appeal.
* VK does not tell who wrote a removed message. It counts as removed by the page: so no page gets
  rid of an unanswered appeal.
* Types without a date of their own happen when they come.
* An event that comes again has the same `id`: it is derived from VK's own id of the object, else from `event_id`.

"""


def render() -> str:
    """The page as text."""
    return _INTRODUCTION + "\n".join(_rows(TYPES)) + "\n"


def _rows(types: dict[str, Type]) -> Iterator[str]:
    yield "| type | when | becomes | names |"
    yield "|---|---|---|---|"
    quiet: dict[str, list[str]] = {}
    for name, kind in types.items():
        if kind.read is None:
            quiet.setdefault(kind.cases[0].when, []).append(f"`{name}`")
            continue
        for number, case in enumerate(kind.cases):
            shown = f"`{name}`" if number == 0 else ""
            becomes = f"`{case.becomes}`" if case.becomes else "nothing"
            yield f"| {shown} | {case.when} | {becomes} | {_names(case.names)} |"
    for when, names in quiet.items():
        yield f"| {', '.join(names)} | {when} | nothing | |"
    yield "| any other | the type is unknown | a rejection | |"


def _names(fields: str) -> str:
    return ", ".join(f"`{field}`" for field in fields.split(", ") if field)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    print(f"{PAGE} written", file=sys.stderr)
