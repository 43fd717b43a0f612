"""Peer: the smallest handler that waits for Kafka, with the producer of the service and without any check."""

from __future__ import annotations

import argparse

import orjson
from aiohttp import web

from ingest.kafka.outgoing import Outgoing
from ingest.kafka.producer import Producer
from schemas.connections import KafkaConnection
from schemas.contract.topics import EVENTS


def application(bootstrap: str) -> web.Application:
    """An application that answers ``POST /vk`` when the body is in Kafka."""
    producer = Producer(KafkaConnection(bootstrap=(bootstrap,)), timeout=5.0, client_id="minimal")

    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        call = orjson.loads(body)
        await producer.deliver([Outgoing(EVENTS, str(call["event_id"]), orjson.dumps(call["object"]))])
        return web.Response(text="ok")

    async def start(_: web.Application) -> None:
        await producer.start(10)
        await producer.reach(EVENTS)

    async def stop(_: web.Application) -> None:
        await producer.close()

    made = web.Application()
    made.router.add_post("/vk", answer)
    made.on_startup.append(start)
    made.on_cleanup.append(stop)
    return made


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    web.run_app(application(given.bootstrap), host="127.0.0.1", port=given.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
