"""Synthetic calls of VK are read by the adapter, and lose no conversation on the way."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

from msgspec.structs import replace

from ingest.platforms.naming import moscow_date
from ingest.platforms.platform import Accepted, Request
from ingest.platforms.vk import TYPES, Vk
from ingest.simulator.federation import Federation
from ingest.simulator.spec import FederationSpec
from ingest.simulator.vk_payloads import VkPayloads
from ingest.sources import Source
from schemas.contract.topics import EVENTS
from tests.ingest.platforms.builders.vk_calls import knowledge

SPEC = FederationSpec(seed=42, end_ms=1_795_248_000_000, events=20_000, appeal_share=0.3, pages=60, readings=False)


def test_every_call_is_read_and_every_conversation_keeps_its_citizen() -> None:
    payloads = VkPayloads(lambda _group: "s")
    adapter, seen, types = Vk(), defaultdict(set), Counter[str]()
    answered = 0
    for topic, _, value in Federation(replace(SPEC, duplicates=0.1)).records():
        if topic != EVENTS:
            continue
        event = json.loads(value)
        call = payloads.call(value)
        if call is None:
            continue
        known = knowledge(sources={str(call.group): Source(page=str(call.group), secrets=("s",), added_at=0)})
        answer = adapter.receive(Request(call.body, {}, SPEC.end_ms), known)
        assert isinstance(answer, Accepted) and answer.reply == "ok" and not answer.rejections
        types[answer.label] += 1
        (made,) = answer.events
        assert made.page == event["page"]
        if event["kind"] == "appeal_received":
            assert made.kind == "appeal_received" and made.at == event["at"] // 1000 * 1000
            seen[made.page, made.thread].add(event["thread"])
            assert made.appeal is not None and moscow_date(made.at)
        elif event["kind"] in ("appeal_answered", "appeal_interim"):
            answered += 1
            assert made.kind == "appeal_answered" and made.thread is not None
    # One thread of the adapter is one thread of the simulator, and the other way round.
    assert all(len(threads) == 1 for threads in seen.values())
    threads = [thread for threads in seen.values() for thread in threads]
    assert len(threads) == len(set(threads)) > 500
    assert answered > 300
    assert set(types) <= set(TYPES) and {"message_new", "message_reply", "board_post_new", "wall_post_new"} <= set(
        types
    )
