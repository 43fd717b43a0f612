"""Headers or a body that do not arrive, and an answer that nobody takes, end the request after their time limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import StreamReader, base_protocol, web

from deploy.clickhouse_endpoint.errors import SOCKET_TIMEOUT, TOO_LARGE, ClickHouseError
from deploy.clickhouse_endpoint.wire.bodies import Body, BodyLimits
from deploy.clickhouse_endpoint.wire.compression import decoder
from deploy.clickhouse_endpoint.wire.connections import Handler, note_arrival

LIMITS = BodyLimits(sql=1000, data=1000, idle_s=0.05, sql_s=0.4)


def _reader() -> StreamReader:
    loop = asyncio.get_running_loop()
    protocol = base_protocol.BaseProtocol(loop)
    protocol.connection_made(asyncio.Transport())
    return StreamReader(protocol, 1 << 16, loop=loop)


async def _begin(*, drip: bool) -> None:
    content = _reader()
    body = Body(b"", content, decoder("", blocks=False), LIMITS)
    content.feed_data(b"SELECT ")

    async def dripping() -> None:
        while True:
            await asyncio.sleep(LIMITS.idle_s / 5)
            content.feed_data(b" ")

    dripper = asyncio.create_task(dripping()) if drip else None
    try:
        await body.begin()
    finally:
        if dripper is not None:
            dripper.cancel()


@pytest.mark.parametrize("drip", [False, True])
def test_sql_that_does_not_arrive(drip: bool) -> None:
    with pytest.raises(ClickHouseError) as caught:
        asyncio.run(_begin(drip=drip))
    assert (caught.value.code, caught.value.status) == (SOCKET_TIMEOUT, 408)


def test_data_that_stop_in_the_middle_or_are_too_many() -> None:
    async def inserting(data: bytes, *, end: bool) -> None:
        content = _reader()
        content.feed_data(b"INSERT INTO t FORMAT TSV\n")
        body = Body(b"", content, decoder("", blocks=False), LIMITS)
        content.feed_data(data)
        if end:
            content.feed_eof()
        await body.begin()
        while await body.next_piece() is not None:
            pass

    asyncio.run(inserting(b"x" * 1000, end=True))
    for data, end, code in ((b"x", False, SOCKET_TIMEOUT), (b"x" * 1001, True, TOO_LARGE)):
        with pytest.raises(ClickHouseError) as caught:
            asyncio.run(inserting(data, end=end))
        assert caught.value.code == code


@asynccontextmanager
async def _serving(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], **limits: float
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    application = web.Application(middlewares=[note_arrival])
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    server, loop = runner.server, asyncio.get_running_loop()
    assert server is not None
    listening = await loop.create_server(lambda: Handler(server, loop=loop, **limits), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname()[:2])
    yield reader, writer
    writer.close()
    listening.close()
    await runner.cleanup()


@pytest.mark.parametrize("earlier", [0, 2])
async def test_headers_that_do_not_arrive(earlier: int) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async with _serving(answer, patience_s=0.2) as (reader, writer):
        for _ in range(earlier):
            writer.write(b"GET / HTTP/1.1\r\nHost: endpoint\r\n\r\n")
            assert (await reader.readuntil(b"Ok.\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET / HTTP/1.1\r\nHost: end")
        # aiohttp by itself keeps such a connection open for an hour.
        assert await asyncio.wait_for(reader.read(), timeout=120) == b""


async def test_an_answer_that_nobody_takes() -> None:
    ended = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(1 << 20))
        finally:
            ended.set()

    async with _serving(answer, stall_s=0.2) as (_, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: endpoint\r\n\r\n")
        # asyncio by itself waits for such a client for ever, and its query keeps a place.
        await asyncio.wait_for(ended.wait(), timeout=120)
