"""The webhook on the whole stack: every acknowledged appeal is counted once whatever dies, and nobody's data stay."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from deploy import addresses
from deploy.machine.status import read_status
from deploy.settings_sources import load
from ingest.identities import load_identity_key
from ingest.kafka.publisher import Publisher
from ingest.platforms.naming import PageNames
from ingest.simulator.vk_payloads import VkCall
from ingest.simulator.vk_sender import Sending, VkSender
from ingest.sources import read_sources, sources_file
from schemas.contract.events import Event, encode_event
from schemas.contract.topics import EVENTS
from tests.ingest.platforms.builders.vk_calls import DATE, EVERY_CASE, GROUP, PAGE, body, like, message, reply
from tests.servers.machine import Machine, machine
from tests.stack.builders.folding import until
from tests.stack.builders.traces import everything_stored, metrics, raw_files, raw_records

SETTINGS = {"WORKERS": "1", "WEBHOOK_PROCESSES": "2", "KAFKA_HEAP_MB": "384", "WEBHOOK_ACK_TIMEOUT_S": "3"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Kafka, ClickHouse, a worker and two webhook processes on one port, with one page of VK."""
    with machine(tmp_path_factory.mktemp("webhook"), SETTINGS) as made:
        said = made.run("up")
        assert "webhook-1 is up" in said and "webhook-2 is up" in said
        assert made.run("up") == "everything is up already\n"
        (made.folder / "code.txt").write_text("1a2b3c4d\n")
        told = made.run("sources", "add", "vk", str(GROUP), "--confirmation-file", "code.txt")
        assert secret(made) in told and "message_new" in told
        until(lambda: made.outcome("sources", "test", "vk", str(GROUP))[1].count("✓") == 2, "the page is known")
        yield made


def secret(stack: Machine) -> str:
    path = sources_file(stack.data / "sources", "vk")
    assert path.stat().st_mode & 0o777 == 0o600
    return read_sources(path)[str(GROUP)].secrets[0]


def post(stack: Machine, raw: bytes, **headers: str) -> int:
    address = addresses.read(stack.data, addresses.WEBHOOK)
    request = urllib.request.Request(f"http://{address}/vk", raw, headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def called(stack: Machine, raw: bytes, **headers: str) -> int:
    """The status that a call ends with. A network calls again after 503: one process may still lack the secret."""
    status = 503

    def is_decided() -> bool:
        nonlocal status
        status = post(stack, raw, **headers)
        return status != 503

    until(is_decided, "the call is taken or denied")
    return status


#: What a person is known by; each is unlike anything that may stay.
MARKS = ("Маркова-Звездина", "Markova-Zvezdina", "9991234567", "mark@personal.example", "1234 567890", "555010000001",
         "777000000003", "ул. Тайная")  # fmt: skip
STORY = "Маркова-Звездина (Markova-Zvezdina), +79991234567, mark@personal.example, 1234 567890, ул. Тайная"


def marked(node: Any) -> Any:
    """The object with the story beside its own fields, at every depth."""
    if not isinstance(node, dict):
        return node
    said = {key: marked(value) for key, value in node.items()}
    return said | {
        "first_name": STORY,
        "screen_name": STORY,
        "photo": {"text": STORY},
        "geo": {"place": {"title": STORY}},
    }


def marked_calls(stack: Machine) -> Iterator[bytes]:
    """Every case with marks, calls that are rejected in each field, of strangers, of unknown types, and no calls."""
    known = secret(stack)
    for _, kind, object in EVERY_CASE:
        said = marked(object)
        holder = said.get("message", said)
        text = holder.get("text", "")
        holder["text"] = text + STORY if text.startswith("[id") else STORY
        yield body(kind, said, secret=known, user_name=STORY)
        yield body(kind, said, secret="wrong " + STORY)
        for field in holder:
            yield body(
                kind,
                {**said, **({"message": holder | {field: STORY}} if "message" in said else {field: STORY})},
                secret=known,
            )
    yield body("new_thing", {"text": STORY}, secret=known)
    yield body("+79991234567", {"text": STORY}, secret=known)
    yield body("message_new", message(), secret=known, event_id=STORY)
    yield STORY.encode()
    yield b'{"type": "message_new", "' + STORY.encode()


def places_with_marks(stack: Machine, said: Sequence[str]) -> dict[str, list[str]]:
    """Where a mark stands: contents of Kafka and ClickHouse, their files as they are, logs, metrics, what was told."""
    texts = {
        "Kafka": b"\n".join(raw_records(stack)).decode(errors="replace"),
        "ClickHouse": everything_stored(stack),
        "commands": "\n".join([*said, stack.run("rejected", "list"), stack.run("report"), stack.run("status")]),
        **{name: metrics(stack, name) for name in ("worker-1", "webhook-1", "webhook-2")},
    }
    found = {name: [mark for mark in MARKS if mark in text] for name, text in texts.items()}
    for path, held in raw_files(stack).items():
        found[str(path.relative_to(stack.data))] = [mark for mark in MARKS if mark.encode() in held]
    return {name: marks for name, marks in found.items() if marks}


@pytest.mark.timeout(900)
def test_marks_of_people_stay_outside_and_a_leak_is_found(stack: Machine) -> None:
    statuses = [called(stack, raw, **{"User-Agent": "Markova-Zvezdina"}) for raw in marked_calls(stack)]
    assert {200, 400, 403} == set(statuses)
    held = len([record for record in raw_records(stack) if b"vk-callback" in record])
    assert held > 100
    until(lambda: is_folded(stack), "all is folded")
    said = [stack.outcome("sources", "test", "vk", str(GROUP))[1], stack.run("sources", "list")]
    assert places_with_marks(stack, said) == {}
    # The search finds what it looks for.
    leak = Event(
        v=1, id="0" * 32, kind="service_used", at=DATE * 1000, source="leak", place="00000000", channel="vk",
        entrance="public_page", page="vk:mark-9991234567",
    )  # fmt: skip
    with Publisher(load(stack.environ, stack.folder).kafka) as publisher:
        publisher.publish(EVENTS, "leak", encode_event(leak))
    until(lambda: is_folded(stack), "the leak is folded")
    (stack.data / "logs" / "leak.log").write_text(STORY)
    found = places_with_marks(stack, [])
    assert {"Kafka", "ClickHouse", "logs/leak.log"} <= set(found)


def is_folded(stack: Machine) -> bool:
    """Whether every record of every topic is folded."""
    rows = read_status(load(stack.environ, stack.folder)).partitions
    return bool(rows) and not any(row.lag for row in rows)


def calls(stack: Machine, count: int) -> list[VkCall]:
    """``count`` calls: messages of many citizens, some of them twice a day, answers and likes."""
    known = secret(stack)
    date = DATE
    made = []
    for number in range(count):
        citizen = (1 << 42) + number // 2
        match number % 8:
            case 3:
                kind, object = "like_add", like(citizen)
            case 5:
                kind, object = "message_reply", reply(citizen, cmid=number + 1, date=date + number % 3_000)
            case _:
                kind, object = "message_new", message(citizen, cmid=number + 1, date=date + number % 3_000)
        made.append(VkCall(GROUP, body(kind, object, secret=known, event_id=f"call-{number}")))
    return made


async def send_while_killing(
    stack: Machine, sent: list[VkCall], acknowledged: list[VkCall], victims: Sequence[str]
) -> VkSender:
    """Posts all calls, with repeats. After each share of acknowledgements the next victim is killed and comes back."""
    address = addresses.read(stack.data, addresses.WEBHOOK)
    sending = Sending(url=f"http://{address}/vk", connections=32, repeats=0.05, patience_s=300)
    due = {len(sent) * number // (len(victims) + 1): asyncio.Event() for number in range(1, len(victims) + 1)}

    def note(call: VkCall) -> None:
        acknowledged.append(call)
        if len(acknowledged) in due:
            due[len(acknowledged)].set()

    async def each() -> AsyncIterator[VkCall]:
        for call in sent:
            yield call

    sender = VkSender(sending, random.Random(1), note)
    task = asyncio.create_task(sender.send(each()))
    for victim, reached in zip(victims, due.values(), strict=True):
        await reached.wait()
        assert await asyncio.to_thread(stack.signal, victim, signal.SIGKILL)
        await asyncio.to_thread(stack.run, "up")
    await task
    return sender


def expected_appeals(stack: Machine, acknowledged: list[VkCall]) -> set[str]:
    """The appeals of the acknowledged messages by the contract's rule: page, thread of the citizen, Moscow day."""
    names = PageNames(load_identity_key(stack.data / "keys" / "identity"), PAGE)
    found = set()
    for call in acknowledged:
        said = json.loads(call.body)
        if said["type"] == "message_new":
            sent = said["object"]["message"]
            found.add(names.appeal(names.thread(str(sent["from_id"]), "dialogue"), sent["date"] * 1000))
    return found


@pytest.mark.parametrize(
    ("count", "victims"),
    [
        pytest.param(2_000, ("webhook-1", "kafka"), marks=pytest.mark.timeout(900)),
        pytest.param(
            100_000,
            ("webhook-1", "kafka", "webhook-2", "kafka"),
            marks=[pytest.mark.chaos, pytest.mark.timeout(1_800)],
        ),
    ],
    ids=["small", "large"],
)
def test_every_acknowledged_appeal_is_there_once_whatever_dies(
    stack: Machine, count: int, victims: tuple[str, ...]
) -> None:
    acknowledged: list[VkCall] = []
    sent = calls(stack, count)
    sender = asyncio.run(send_while_killing(stack, sent, acknowledged, victims))
    assert sender.sent.given_up == 0 and len(acknowledged) == count
    assert sender.sent.repeated > 0 and sum(sender.sent.answers.values()) > count + sender.sent.repeated, (
        "nothing failed"
    )
    until(lambda: is_folded(stack), "everything is folded", patience_s=600)
    rows = stack.query("SELECT appeal, count() FROM gospulse.appeals GROUP BY appeal")
    assert all(copies == 1 for _, copies in rows)
    assert expected_appeals(stack, acknowledged) <= {appeal for appeal, _ in rows}
    code, report = stack.outcome("verify")
    assert code == 0, report


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_synthetic_federation_comes_through_the_webhook(stack: Machine) -> None:
    # The stack holds calls of a page that is not synthetic.
    options = ("--seed", "9", "--events", "800", "--pages", "60", "--appeals", "0.4", "--no-readings")
    told = stack.run("simulate", *options, "--through", "webhook", "--force")
    assert "Calls acknowledged" in told
    until(lambda: is_folded(stack), "everything is folded")
    own = "match(page, '^vk:9000009[0-9]{7}$')"
    ((appeals, pages),) = stack.query(f"SELECT count(), uniqExact(page) FROM gospulse.appeals WHERE {own}")
    assert appeals > 50 and pages > 10
    ((others,),) = stack.query("SELECT count() FROM gospulse.appeals WHERE source = 'synthetic:9'")
    assert others > 20
