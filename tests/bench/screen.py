"""From the webhook's acknowledgement to the refreshed data of a panel: a citizen's message on the screen."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections.abc import Callable

from msgspec import Struct

from deploy import addresses
from deploy.settings_sources import load
from ingest.sources import Source, changed_sources, sources_file
from tests.bench.webhook import SETTINGS
from tests.ingest.platforms.builders.vk_calls import GROUP, SECRET, body, message
from tests.servers.machine import Machine

__all__ = ["SETTINGS", "Screen", "measure"]

MESSAGES = 60
#: The preview is asked again after so many seconds, as a screen that refreshes without a break would.
PAUSE_S = 0.05
PATIENCE_S = 30.0


class Screen(Struct, frozen=True):
    """Seconds from acknowledged to the panel «Сообщения жителей» showing it: median and 90th percentile."""

    messages: int
    median_s: float
    p90_s: float


def measure(machine: Machine) -> Screen:
    """Messages one after the other through the running service; the preview's rows are read until each is in them."""
    machine.run("up")
    settings = load(machine.environ, machine.folder)
    with changed_sources(sources_file(settings.sources, "vk")) as sources:
        sources[str(GROUP)] = Source(page=str(GROUP), secrets=(SECRET,), added_at=0)
    time.sleep(2)
    webhook = addresses.read(machine.data, addresses.WEBHOOK)
    assert webhook is not None
    said = machine.folder / "preview.txt"
    preview = machine.start("preview", "--port", "0", output=said)
    try:
        _await(lambda: said.exists() and "http://" in said.read_text(), "the preview listens")
        port = int(said.read_text().split("http://127.0.0.1:")[1].split()[0])
        delays = [_delay(webhook, port, number) for number in range(MESSAGES + 1)][1:]
    finally:
        preview.terminate()
        preview.wait()
    return Screen(len(delays), statistics.median(delays), sorted(delays)[int(len(delays) * 0.9)])


def _delay(webhook: str, port: int, number: int) -> float:
    before = _shown(port)
    host, _, digits = webhook.rpartition(":")
    connection = http.client.HTTPConnection(host, int(digits), timeout=PATIENCE_S)
    said = message((1 << 41) + number, cmid=number + 1, date=int(time.time()))
    connection.request("POST", "/vk", body("message_new", said), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"ok")
    acknowledged = time.monotonic()
    connection.close()
    _await(lambda: _shown(port) > before, f"message {number} is on the screen")
    return time.monotonic() - acknowledged


def _shown(port: int) -> int:
    """The number of the panel «Сообщения жителей»."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    wanted = {"board": "gospulse-country", "panels": [1], "from": "now-1h", "to": "now"}
    connection.request("POST", "/api/rows", json.dumps(wanted))
    found = json.loads(connection.getresponse().read())
    connection.close()
    assert "error" not in found, found
    return int(found["frames"]["1"][0]["rows"][-1][1])


def _await(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE_S:g} s in vain: {what}")
        time.sleep(PAUSE_S)
