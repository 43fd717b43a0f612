"""VK's side of the webhook: posts calls, comes again where the answer is not ``ok``, and now and then posts twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
from msgspec import Struct

from ingest.simulator.vk_payloads import VkCall

_PAUSE_S: Final = 0.2
#: VK waits as long as it is asked to; a simulation need not.
_LONGEST_PAUSE_S: Final = 2.0


class Sending(Struct, frozen=True, kw_only=True):
    """How calls are posted: at most ``connections`` at once; a share of ``repeats`` is posted again after ``ok``.

    A call that is not answered with ``ok`` is posted again until ``patience_s`` are over.
    """

    url: str
    connections: int = 32
    repeats: float = 0.03
    timeout_s: float = 15.0
    patience_s: float = 120.0


class Sent(Struct):
    """What came of it: calls with an ``ok``, repeats after one, answers by status (0: none), calls given up."""

    acknowledged: int = 0
    repeated: int = 0
    answers: Counter[int] = Counter()
    given_up: int = 0


class VkSender:
    """Posts calls from an event loop. ``on_ok`` hears of every call that was acknowledged; ``draw`` draws repeats."""

    def __init__(self, sending: Sending, draw: random.Random, on_ok: Callable[[VkCall], None] | None = None) -> None:
        self._sending = sending
        self._draw = draw
        self._on_ok = on_ok
        self.sent = Sent(answers=Counter())

    async def send(self, calls: AsyncIterator[VkCall]) -> Sent:
        """Post every call; several at once, begun in their order."""
        one = asyncio.Lock()
        limit = aiohttp.TCPConnector(limit=self._sending.connections)
        timeout = aiohttp.ClientTimeout(total=self._sending.timeout_s)
        async with aiohttp.ClientSession(connector=limit, timeout=timeout) as session:

            async def work() -> None:
                while True:
                    async with one:
                        call = await anext(calls, None)
                    if call is None:
                        return
                    await self.post(session, call)

            await asyncio.gather(*(work() for _ in range(self._sending.connections)))
        return self.sent

    async def post(self, session: aiohttp.ClientSession, call: VkCall) -> bool:
        """Post one call until it is acknowledged; False where it was given up."""
        give_up = asyncio.get_running_loop().time() + self._sending.patience_s
        retry = 0
        while True:
            status, again_s = await self._post_once(session, call, retry)
            if status == 200:
                self.sent.acknowledged += 1
                if self._on_ok is not None:
                    self._on_ok(call)
                break
            if asyncio.get_running_loop().time() > give_up:
                self.sent.given_up += 1
                return False
            retry += 1
            await asyncio.sleep(again_s)
        if self._draw.random() < self._sending.repeats:
            # As if the answer had been lost on its way.
            self.sent.repeated += 1
            await self._post_once(session, call, retry + 1)
        return True

    async def _post_once(self, session: aiohttp.ClientSession, call: VkCall, retry: int) -> tuple[int, float]:
        """Status and a pause in seconds. Status 0: nobody answered; 1: the body is not ``ok``."""
        headers = {"Content-Type": "application/json"}
        if retry:
            headers["X-Retry-Counter"] = str(retry)
        try:
            async with session.post(self._sending.url, data=call.body, headers=headers) as answer:
                said = await answer.read()
                status = answer.status if answer.status != 200 or said == b"ok" else 1
                asked = answer.headers.get("Retry-After")
        except (aiohttp.ClientError, OSError, TimeoutError):
            status, asked = 0, None
        self.sent.answers[status] += 1
        return status, _pause(asked, self._draw)


def _pause(asked: str | None, draw: random.Random) -> float:
    """A pause before the next attempt: as the service asks, shortened, and never the same for all."""
    longest = _LONGEST_PAUSE_S if asked is not None and _is_date(asked) else _PAUSE_S
    return longest * draw.uniform(0.5, 1.0)


def _is_date(text: str) -> bool:
    try:
        parsedate_to_datetime(text)
    except ValueError:
        return False
    return True
