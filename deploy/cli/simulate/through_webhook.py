"""``gospulse simulate --through webhook``: calls of VK to the running service, everything else into Kafka."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

from rich.console import Console
from rich.table import Table

from deploy import addresses
from deploy.cli.signals import stop_on_signal
from deploy.cli.simulate.run import progress
from deploy.errors import FAILURE, GOOD, INTERRUPTED, UserError
from deploy.settings import Settings
from ingest.kafka.publisher import Publisher
from ingest.secret_files import SecretFileError
from ingest.simulator.federation import Federation
from ingest.simulator.vk_payloads import VkCall, VkPayloads
from ingest.simulator.vk_sender import Sending, Sent, VkSender
from ingest.sources import Source, changed_sources, new_secret, sources_file
from schemas.contract.topics import EVENTS

_YIELD_EVERY = 64


def simulate_through_webhook(federation: Federation, settings: Settings, rate: float | None, timeout: float) -> int:
    """Send the federation. Exit code 0 when every call was acknowledged, 1 when one was not, 130 when stopped.

    The synthetic pages of VK are added to the sources, so that the service knows their secrets.

    Raises UserError when the service does not run here, PublishError when Kafka did not take the rest.
    """
    address = addresses.read(settings.data, addresses.WEBHOOK)
    if address is None:
        raise UserError("The webhook service does not run here: `gospulse up` starts it (setting webhook_processes).")
    secrets = _add_sources(federation, settings)
    sender = VkSender(Sending(url=f"http://{address}/vk"), random.Random(federation.spec.seed))
    began = time.monotonic()
    with ExitStack() as stack:
        stopped = stack.enter_context(stop_on_signal())
        advance = stack.enter_context(progress(federation))
        publisher = stack.enter_context(Publisher(settings.kafka, timeout=timeout, client_id="gospulse-simulate"))
        calls = _calls(federation, VkPayloads(secrets.__getitem__), publisher, rate, advance, stopped.is_set)
        sent = asyncio.run(sender.send(calls))
        publisher.flush()
        direct = publisher.delivered
    _show(federation, sent, direct, address, time.monotonic() - began)
    if sent.given_up:
        raise UserError(f"{sent.given_up:,} calls were not acknowledged: see `gospulse logs webhook-1`.", FAILURE)
    return INTERRUPTED if stopped.is_set() else GOOD


def _add_sources(federation: Federation, settings: Settings) -> dict[int, str]:
    """The secrets of all synthetic communities; those that are missing are made."""
    groups = [page.removeprefix("vk:") for page in federation.pages.ids if page.startswith("vk:")]
    now_ms = time.time_ns() // 1_000_000
    try:
        with changed_sources(sources_file(settings.sources, "vk")) as sources:
            for group in groups:
                if group not in sources:
                    sources[group] = Source(page=group, secrets=(new_secret(),), added_at=now_ms)
            return {int(group): sources[group].secrets[0] for group in groups}
    except SecretFileError as error:
        raise UserError(str(error), FAILURE) from error


async def _calls(
    federation: Federation,
    payloads: VkPayloads,
    publisher: Publisher,
    rate: float | None,
    advance: Callable[[int], None],
    stopped: Callable[[], bool],
) -> AsyncIterator[VkCall]:
    """The calls, at the asked rate of events a second; what VK does not bring goes to Kafka on the way."""
    began = time.monotonic()
    records = federation.records()
    events = 0
    for topic, key, value in records:
        call = payloads.call(value) if topic == EVENTS else None
        events += topic == EVENTS
        if rate is not None:
            ahead = began + events / rate - time.monotonic()
            if ahead > 0.005:
                advance(events)
                await asyncio.sleep(ahead)
        elif events % _YIELD_EVERY == 0:
            advance(events)
            await asyncio.sleep(0)
        if call is not None:
            yield call
        elif topic != EVENTS or not _is_of_vk(value):
            publisher.publish(topic, key.decode(), value)
        if stopped():
            break
    records.close()
    advance(events)


def _is_of_vk(value: bytes) -> bool:
    """Whether the event is about a page of VK. The webhook makes its own appeals there: the rest has no counterpart."""
    event = json.loads(value)
    return bool(event.get("page", "").startswith("vk:") and event["entrance"] == "public_page")


def _show(federation: Federation, sent: Sent, direct: int, address: str, seconds: float) -> None:
    table = Table(title=f"Synthetic federation, {federation.spec.source}", show_header=False, title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    table.add_row("Calls acknowledged", f"{sent.acknowledged:,}")
    table.add_row("Calls posted again after their acknowledgement", f"{sent.repeated:,}")
    others = sum(count for status, count in sent.answers.items() if status != 200)
    table.add_row("Answers other than ok, after which VK came again", f"{others:,}")
    table.add_row("Records sent to Kafka directly (other networks, entrances, readings)", f"{direct:,}")
    table.add_row("Took", f"{seconds:.1f} s, {sent.acknowledged / max(seconds, 1e-9):,.0f} calls a second")
    table.add_row("Webhook", address)
    Console().print(table)
