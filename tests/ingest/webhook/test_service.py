"""The service over HTTP with a real broker: an acknowledgement means that Kafka has it, and everything is bounded."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from ingest.platforms.platform import Accepted, Denied, Knowledge, Request
from ingest.sources import changed_sources, sources_file
from ingest.webhook.bounds import MAX_BODY_BYTES, Bounds
from schemas.connections import KafkaConnection
from schemas.contract.topics import EVENTS, REJECTED
from tests.ingest.conftest import Records, read_whole
from tests.ingest.platforms.builders.vk_calls import (
    CITIZEN,
    CONFIRMATION,
    GROUP,
    PLACE,
    body,
    message,
    reply,
)
from tests.ingest.webhook.builders.running import HOST, absent, add_source, running
from tests.servers.mortal_broker import MortalBroker, mortal_broker
from tests.servers.ports import free_port

Read = Callable[[str], Records]


async def test_an_acknowledged_call_is_in_kafka(topics: KafkaConnection, read_topic: Read, tmp_path: Path) -> None:
    async with running(topics, tmp_path) as service:
        calls = [body("message_new", message(CITIZEN + n)) for n in range(200)]
        answers = await asyncio.gather(*(service.post(call) for call in calls))
        assert {(status, said) for status, said, _ in answers} == {(200, "ok")}
        held = [json.loads(value) for _, _, value in read_topic(EVENTS)]
        assert len({event["appeal"] for event in held}) == 200
        assert {event["place"] for event in held} == {PLACE}
        assert await service.metric('requests_total{platform="vk",outcome="accepted"}') == 200
        assert await service.metric('events_total{platform="vk",kind="appeal_received"}') == 200
        assert await service.metric('responses_total{status="200"}') >= 200


async def test_an_answer_meets_its_appeal_in_one_partition(
    topics: KafkaConnection, read_topic: Read, tmp_path: Path
) -> None:
    async with running(topics, tmp_path) as service:
        for call in (body("message_new", message()), body("message_new", message(cmid=14))):
            await service.post(call)
        await service.post(body("message_reply", reply()))
        held = [(partition, json.loads(value)) for partition, _, value in read_topic(EVENTS)]
        appeals = [(partition, event) for partition, event in held if event["kind"] == "appeal_received"]
        assert len({(partition, event["id"]) for partition, event in appeals}) == 1


async def test_the_handshake_secrets_and_unknown_types(
    topics: KafkaConnection, read_topic: Read, tmp_path: Path
) -> None:
    async with running(topics, tmp_path) as service:
        assert (await service.post(body("confirmation", None)))[:2] == (200, CONFIRMATION)
        assert (await service.post(body("message_new", message(), secret="wrong")))[0] == 403
        status, _, headers = await service.post(body("message_new", message(), group_id=1))
        assert status == 503
        assert parsedate_to_datetime(headers["Retry-After"]).tzinfo is not None
        assert (await service.post(body("new_thing", {})))[:2] == (200, "ok")
        assert (await service.post(b"not json"))[0] == 400
        assert (await service.post(body("x", {}), "/max"))[0] == 404
        assert (await service.get("/vk"))[0] == 405
        (noted,) = read_topic(REJECTED)
        assert json.loads(noted[2])["origin"] == "new_thing"
        assert not read_topic(EVENTS)
        _, told, _ = await service.operator(f"/deliveries/vk/{GROUP}")
        found = json.loads(told)
        assert (found["accepted"], found["accepted_type"], found["denied_reason"]) == (1, "unknown", "wrong_secret")
        assert found["confirmed_at"]


async def test_retries_of_the_platform_are_counted(topics: KafkaConnection, tmp_path: Path) -> None:
    async with running(topics, tmp_path) as service:
        await service.post(body("message_new", message()), **{"X-Retry-Counter": "2"})
        assert await service.metric('retries_total{platform="vk"}') == 1


async def test_sources_and_keys_are_taken_without_a_restart(topics: KafkaConnection, tmp_path: Path) -> None:
    async with running(topics, tmp_path) as service:
        call = body("message_new", message(), group_id=77)
        assert (await service.post(call))[0] == 503
        add_source(tmp_path, 77)
        await service.post_until(call, 200)
        with changed_sources(sources_file(tmp_path / "sources", "vk")) as sources:
            del sources["77"]
        await service.post_until(call, 503)


async def test_a_large_body_is_refused_and_counted(topics: KafkaConnection, tmp_path: Path) -> None:
    async with running(topics, tmp_path) as service:
        largest = body("message_new", message(text="я" * (MAX_BODY_BYTES // 12)))
        assert len(largest) < MAX_BODY_BYTES
        assert (await service.post(largest))[0] == 200
        assert (await service.post(b"[" * (MAX_BODY_BYTES + 1)))[0] == 413
        assert await service.metric('requests_total{platform="vk",outcome="too_large"}') == 1


async def test_a_body_without_a_length_or_that_comes_too_slowly_is_refused(
    topics: KafkaConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.webhook.service.READ_TIMEOUT_S", 0.2)
    async with running(topics, tmp_path) as service:
        for head, status in (
            (b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b" 411 "),
            (b"Content-Length: 500\r\n\r\n{", b" 408 "),
        ):
            reader, writer = await asyncio.open_connection(HOST, service.config.port)
            writer.write(b"POST /vk HTTP/1.1\r\nHost: x\r\n" + head)
            assert status in await asyncio.wait_for(reader.readline(), 5)
            writer.close()
        for outcome in ("no_length", "too_slow"):
            assert await service.metric(f'requests_total{{platform="vk",outcome="{outcome}"}}') == 1


async def test_bodies_of_all_requests_together_are_bounded(
    topics: KafkaConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.webhook.service.MAX_HELD_BYTES", 1_500)
    async with running(topics, tmp_path) as service:
        _, writer = await asyncio.open_connection(HOST, service.config.port)
        writer.write(b"POST /vk HTTP/1.1\r\nHost: x\r\nContent-Length: 1400\r\n\r\n")
        await writer.drain()
        await service.post_until(body("message_new", message()), 503)
        writer.close()
        await service.post_until(body("message_new", message()), 200)


async def test_large_headers_are_refused_and_counted(topics: KafkaConnection, tmp_path: Path) -> None:
    async with running(topics, tmp_path) as service:
        assert (await service.post(b"{}", **{"X-Long": "x" * 20_000}))[0] == 400
        assert (await service.post(b"{}", **{f"X-{n}": "x" for n in range(200)}))[0] == 400
        assert await service.metric('responses_total{status="400"}') == 2


async def test_the_rate_is_bounded(topics: KafkaConnection, tmp_path: Path) -> None:
    async with running(topics, tmp_path, bounds=Bounds(rate=5)) as service:
        answers = [await service.post(body("message_new", message())) for _ in range(12)]
        assert answers[0][0] == 200 and answers[-1][0] == 429 and "Retry-After" in answers[-1][2]
        assert await service.metric('requests_total{platform="vk",outcome="rate"}') >= 1


async def test_open_connections_are_bounded(topics: KafkaConnection, tmp_path: Path) -> None:
    async with running(topics, tmp_path, bounds=Bounds(connections=3)) as service:
        opened = [await asyncio.open_connection(HOST, service.config.port) for _ in range(8)]
        said = await asyncio.wait_for(opened[-1][0].read(), 5)
        assert b"503" in said and b"Retry-After" in said
        for _, writer in opened:
            writer.close()
        assert await service.metric("connections_rejected_total") >= 5


async def test_kafka_that_is_away_at_the_start_is_awaited(cache: Path, tmp_path: Path) -> None:
    away = KafkaConnection(bootstrap=(f"{HOST}:{free_port()}",))
    async with running(away, tmp_path, ready=False) as service:
        assert "Kafka is away" in await service.ready(503)
        # The platform confirms an address also then.
        assert (await service.post(body("confirmation", None)))[:2] == (200, CONFIRMATION)
        status, _, headers = await service.post(body("message_new", message()))
        assert status == 503 and "Retry-After" in headers
        assert (await service.get("/health"))[0] == 200


@pytest.fixture
def own_broker(cache: Path, tmp_path: Path) -> Iterator[MortalBroker]:
    with mortal_broker(tmp_path / "broker", cache) as made:
        yield made


async def test_a_dead_broker_gives_503_and_loses_nothing_acknowledged(own_broker: MortalBroker, tmp_path: Path) -> None:
    async with running(own_broker.connection, tmp_path, ack_timeout_s=1.0) as service:
        await service.post_until(body("message_new", message(CITIZEN)), 200)
        await asyncio.to_thread(own_broker.kill)
        during = await asyncio.gather(*(service.post(body("message_new", message(CITIZEN + n))) for n in range(1, 20)))
        assert {status for status, _, _ in during} == {503}
        assert all("Retry-After" in headers for _, _, headers in during)
        assert "Kafka is away" in await service.ready(503)
        await asyncio.to_thread(own_broker.restart)
        await service.ready()
        await service.post_until(body("message_new", message(CITIZEN + 50)), 200)
    assert len(read_whole(own_broker.connection, EVENTS)) >= 2


async def test_without_register_and_snapshot_nothing_is_accepted(topics: KafkaConnection, tmp_path: Path) -> None:
    async with running(topics, tmp_path, read_register=absent, ready=False) as service:
        assert "register of pages" in await service.ready(503)
        assert (await service.post(body("message_new", message())))[0] == 503


async def test_the_snapshot_stands_in_for_clickhouse(topics: KafkaConnection, read_topic: Read, tmp_path: Path) -> None:
    async with running(topics, tmp_path):
        pass
    async with running(topics, tmp_path, read_register=absent) as service:
        assert (await service.post(body("message_new", message())))[0] == 200
    assert json.loads(read_topic(EVENTS)[0][2])["place"] == PLACE


async def test_what_is_under_way_is_ended_before_the_service_stops(topics: KafkaConnection, tmp_path: Path) -> None:
    async with running(topics, tmp_path) as service:
        calls = [asyncio.create_task(service.post(body("message_new", message(CITIZEN + n)))) for n in range(50)]
        await asyncio.sleep(0)
    statuses = [
        answer[0] for answer in await asyncio.gather(*calls, return_exceptions=True) if isinstance(answer, tuple)
    ]
    acknowledged = statuses.count(200)
    assert len(read_whole(topics, EVENTS)) >= acknowledged


class Broken:
    """An adapter with a defect, whose error holds what the request said."""

    name = "vk"

    def receive(self, request: Request, known: Knowledge) -> Accepted | Denied:
        raise ValueError(request.body.decode())


async def test_a_defect_is_logged_without_what_the_call_said(
    topics: KafkaConnection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with running(topics, tmp_path, platforms=(Broken(),)) as service:
            assert (await service.post(b"+79991234567"))[0] == 503
            assert (await service.post(b"+79991234567" * 10, **{"Bad Header": "+79991234567"}))[0] in (400, 503)
            assert await service.metric('defects_total{platform="vk"}') >= 1
    assert "ValueError" in caplog.text and "9991234567" not in caplog.text
