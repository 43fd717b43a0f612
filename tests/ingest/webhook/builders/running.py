"""A webhook service in the test's own event loop, with one page of VK among its sources."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from ingest.identities import load_identity_key
from ingest.platforms.all import PLATFORMS
from ingest.platforms.platform import Platform
from ingest.registers.live import LiveRegister
from ingest.registers.page_register import SINCE_EVER, PageRegister, PageRow
from ingest.sources import Source, changed_sources, sources_file
from ingest.webhook.bounds import Bounds
from ingest.webhook.run import WebhookConfig, serve
from schemas.connections import KafkaConnection
from tests.ingest.platforms.builders.vk_calls import CONFIRMATION, FORMER, GROUP, PAGE, PLACE, SECRET
from tests.servers.ports import free_port

HOST = "127.0.0.1"


def registered() -> PageRegister:
    return PageRegister([PageRow(PAGE, SINCE_EVER, None, PLACE)])


def absent() -> PageRegister:
    raise OSError("ClickHouse is not there")


class Service:
    """A running service: where it listens, and how it is asked."""

    def __init__(self, config: WebhookConfig, session: aiohttp.ClientSession) -> None:
        self.config = config
        self._session = session

    async def post(self, body: bytes, path: str = "/vk", **headers: str) -> tuple[int, str, Any]:
        """Status, body and headers of an answer."""
        return await self._ask("POST", self.config.port, path, body, headers)

    async def get(self, path: str) -> tuple[int, str, Any]:
        return await self._ask("GET", self.config.port, path, None, {})

    async def operator(self, path: str) -> tuple[int, str, Any]:
        return await self._ask("GET", self.config.web_port, path, None, {})

    async def metric(self, name: str) -> float:
        """A metric by its full name with labels; 0 where it is not there."""
        _, text, _ = await self.operator("/metrics")
        values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return float(values.get(f"gospulse_webhook_{name}", 0))

    async def ready(self, status: int = 200) -> str:
        """Waits until the service is ready, or is not; gives what it says."""
        async with asyncio.timeout(20):
            while True:
                found, said, _ = await self.get("/ready")
                if found == status:
                    return said
                await asyncio.sleep(0.02)

    async def post_until(self, body: bytes, status: int) -> None:
        """Posts a body again and again until it is answered with ``status``."""
        async with asyncio.timeout(15):
            for _ in count():
                if (await self.post(body))[0] == status:
                    return
                await asyncio.sleep(0.02)

    async def _ask(self, method: str, port: int, path: str, body: bytes | None, headers: Any) -> tuple[int, str, Any]:
        url = f"http://{HOST}:{port}{path}"
        async with self._session.request(method, url, data=body, headers=headers) as answer:
            return answer.status, await answer.text(), answer.headers


@asynccontextmanager
async def running(
    kafka: KafkaConnection,
    folder: Path,
    *,
    read_register: Callable[[], PageRegister] = registered,
    bounds: Bounds | None = None,
    ack_timeout_s: float = 5.0,
    platforms: Sequence[Platform] = PLATFORMS,
    ready: bool = True,
) -> AsyncIterator[Service]:
    """A service that is stopped at the end; ``folder`` holds its keys and sources."""
    add_source(folder)
    config = WebhookConfig(
        host=HOST,
        port=free_port(),
        web_host=HOST,
        web_port=free_port(),
        kafka=kafka,
        sources=folder / "sources",
        author_keys=folder / "authors",
        bounds=bounds or Bounds(),
        ack_timeout_s=ack_timeout_s,
    )
    stop = asyncio.Event()
    register = LiveRegister(read_register, folder / "pages.snapshot")
    task = asyncio.create_task(serve(config, platforms, load_identity_key(folder / "identity"), register, stop))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        service = Service(config, session)
        try:
            await _listening(config.web_port, task)
            if ready:
                await service.ready()
            yield service
        finally:
            stop.set()
            await task


def add_source(folder: Path, group: int = GROUP, secrets: tuple[str, ...] = (SECRET, FORMER)) -> None:
    """Adds a page to the sources of a service."""
    with changed_sources(sources_file(folder / "sources", "vk")) as sources:
        sources[str(group)] = Source(page=str(group), secrets=secrets, added_at=0, confirmation=CONFIRMATION)


async def _listening(port: int, task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(10):
        while not task.done():
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
    task.result()
