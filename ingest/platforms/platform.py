"""The seam of the platforms: what an adapter is given and what it gives back.

An adapter is one file beside this one, without connections, clocks and randomness. ``receive`` gets a request and the
:class:`Knowledge` of the moment. It proves who calls (a secret in the body, in a header, or as the platform has it)
before it looks at what is said, and gives either the :class:`Accepted` contents of the request or a :class:`Denied`.
Nothing personal leaves it: names, texts and raw ids of people stay behind, in errors and labels, too.
The service does the rest, the same for every platform: bounds, Kafka, answers, metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from ingest.author_keys import AuthorKeys
from ingest.identities import IdentityKey
from ingest.registers.page_register import PageRegister
from ingest.sources import Sources
from schemas.contract.events import Event
from schemas.contract.rejections import Rejection


class Request(Struct, frozen=True):
    """One request of a platform. Names of ``headers`` are in lower case; ``at_ms`` is when it came (ms UTC)."""

    body: bytes
    headers: Mapping[str, str]
    at_ms: int


class Knowledge(Struct, frozen=True):
    """What an adapter knows besides the request. It is replaced as a whole, never changed."""

    sources: Sources
    register: PageRegister
    identity: IdentityKey
    authors: AuthorKeys


class Accepted(Struct, frozen=True):
    """A request of the platform: what follows from it, and the body of the answer with status 200.

    ``label`` is its type for metrics, from a closed list of the adapter; ``page`` the native id of the page.
    Without events and rejections there is nothing to wait for.
    """

    label: str
    page: str
    reply: str
    events: tuple[Event, ...] = ()
    rejections: tuple[Rejection, ...] = ()


class Denied(Struct, frozen=True):
    """A request that is not answered as the platform wants: HTTP ``status`` and a ``reason`` from a closed list.

    ``page`` is set only where the page is a known source. With ``again`` the platform is asked to call later.
    """

    status: int
    reason: str
    page: str | None = None
    again: bool = False


class Platform(Protocol):
    """An adapter. ``name`` is the path of its address (``/vk``), the name of its sources and its label in metrics."""

    name: str

    def receive(self, request: Request, known: Knowledge) -> Accepted | Denied:
        """What the request means. Never raises for anything that a request may hold."""
        ...
