"""A body that does not arrive ends with an error, after the limits of a body."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import StreamReader, base_protocol

from deploy.clickhouse_endpoint.errors import SOCKET_TIMEOUT, TOO_LARGE, ClickHouseError
from deploy.clickhouse_endpoint.wire.bodies import Body, BodyLimits
from deploy.clickhouse_endpoint.wire.compression import decoder

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
