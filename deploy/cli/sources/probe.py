"""Whether a page's callback works: the service is called as the platform does, and asked what the platform sent."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from deploy import addresses
from deploy.errors import FAILURE, GOOD
from deploy.machine.processes import recorded
from deploy.machine.webhooks import PREFIX
from deploy.machine.workers import run_directory
from deploy.settings import Settings
from ingest.sources import Source
from ingest.webhook.deliveries import Delivery

_TIMEOUT_S = 5.0


def probe(source: Source, platform: str, settings: Settings) -> int:
    """Prints each finding as a line; exit code 1 when a call of the platform would fail, or none came yet."""
    address = addresses.read(settings.data, addresses.WEBHOOK)
    operators = [
        process.address
        for process in recorded(run_directory(settings.data))
        if process.name.startswith(PREFIX) and process.is_alive() and process.address
    ]
    if address is None or not operators:
        print("✗ The webhook service does not run here: `gospulse up` starts it.")
        return FAILURE
    good = _answers(source, platform, address)
    deliveries = [found for found in (_deliveries(each, platform, source.page) for each in operators) if found]
    return GOOD if _tell(deliveries) and good else FAILURE


def _answers(source: Source, platform: str, address: str) -> bool:
    """Whether the service answers the handshake as VK wants it, and keeps strangers out."""
    if source.confirmation is None:
        print("✗ The confirmation text is missing: `gospulse sources add ... --confirmation-file FILE`.")
        return False
    body = {"type": "confirmation", "group_id": int(source.page), "secret": source.secrets[0]}
    try:
        status, text = _request(address, "POST", f"/{platform}", json.dumps(body).encode())
    except OSError as error:
        print(f"✗ The service does not answer at {address}: {error}.")
        return False
    if (status, text) != (200, source.confirmation):
        print(f"✗ The service answers the handshake with status {status}: see `gospulse logs`.")
        return False
    print(f"✓ The service at {address} answers the handshake with the confirmation text.")
    status, text = _request(address, "GET", "/ready")
    print("✓ It accepts events." if status == 200 else f"✗ It accepts no events now: {text}.")
    return status == 200


def _deliveries(address: str, platform: str, page: str) -> Delivery | None:
    try:
        _, text = _request(address, "GET", f"/deliveries/{platform}/{page}")
        return msgspec.json.decode(text, type=Delivery)
    except (OSError, msgspec.DecodeError):
        return None


def _tell(deliveries: list[Delivery]) -> bool:
    """What the platform sent since the service started; whether the latest call was good."""
    real = [each for each in deliveries if each.accepted_at]
    denied = [each for each in deliveries if each.denied_at]
    last: Any = max(real, key=lambda each: each.accepted_at or 0, default=None)
    worst: Any = max(denied, key=lambda each: each.denied_at or 0, default=None)
    if last is not None:
        count = sum(each.accepted for each in deliveries)
        print(f"✓ Accepted calls: {count:,}. The latest, {last.accepted_type}, came {_time(last.accepted_at)}.")
    else:
        print("✗ No event came yet since the service started: press «Подтвердить» at VK, then write to the page.")
    if worst is not None and (last is None or worst.denied_at > last.accepted_at):
        advice = {"wrong_secret": "the secret at VK is another one", "kafka_away": "Kafka was away, VK comes again"}
        why = advice.get(worst.denied_reason, worst.denied_reason)
        print(f"✗ The latest call, {_time(worst.denied_at)}, was not accepted: {why}.")
        return False
    return last is not None


def _request(address: str, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=_TIMEOUT_S)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except http.client.HTTPException as error:
        raise OSError("it does not speak HTTP") from error
    finally:
        connection.close()


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
