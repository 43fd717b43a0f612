"""The pages of a synthetic federation: institutions of all kinds, a few of them busy and most of them quiet."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ingest.kafka.partitioner import Partitioner
from ingest.simulator.geography import Place
from ingest.simulator.spec import FederationSpec

#: Networks as page ids and channels name them, with the share of pages.
NETWORKS: Final = (("vk", "vk", 0.86), ("ok", "ok", 0.08), ("max", "max", 0.04), ("tg", "telegram", 0.02))

#: Kinds of institutions (schemas/reference/institution_kinds.csv), the share of pages and a name.
_KINDS: Final = (
    ("education", 0.47, "Синтетическая школа № {}"),
    ("municipality", 0.12, "Синтетическая администрация № {}"),
    ("culture", 0.12, "Синтетический дом культуры № {}"),
    ("health", 0.08, "Синтетическая поликлиника № {}"),
    ("sport_youth", 0.06, "Синтетический спортивный центр № {}"),
    ("social", 0.05, "Синтетический центр социальной помощи № {}"),
    ("authority_regional", 0.03, "Синтетическое региональное ведомство № {}"),
    ("housing_transport", 0.03, "Синтетическое управление ЖКХ № {}"),
    ("authority_federal", 0.02, "Синтетическое федеральное ведомство № {}"),
    ("court", 0.01, "Синтетический суд № {}"),
    ("other", 0.01, "Синтетическое учреждение № {}"),
)


def page_id(network: str, seed: int, number: int) -> str:
    """The id of a synthetic page. VK's are numbers, as VK has them: 14 digits that begin with 9."""
    if network == "vk":
        return f"vk:9{seed % 1_000_000:06}{number:07}"
    return f"{network}:synthetic-{seed}-{number}"


def pages_of(seed: int) -> str:
    """A regular expression that finds the synthetic pages of a seed."""
    return rf"^(vk:9{seed % 1_000_000:06}[0-9]{{7}}|[a-z]+:synthetic-{seed}-[0-9]+)$"


def is_synthetic(page: str) -> bool:
    """Whether a page is synthetic, of whichever seed. VK gives its communities shorter numbers."""
    return ":synthetic-" in page or (page.startswith("vk:9") and len(page) == len("vk:") + 14)


class Page(Struct, frozen=True):
    """A page as a register would know it; its id and its name say that it is synthetic."""

    page: str
    name: str
    kind: str
    channel: str
    place: str


class Pages:
    """All pages as columns: number n of each array belongs to page n.

    ``weight`` is a page's share of the activity (the sum is 1), a Zipf law over a random order of the pages;
    ``partition`` is where its records go in the topic ``events``.
    """

    def __init__(self, spec: FederationSpec, places: list[Place], rng: np.random.Generator) -> None:
        count = spec.pages
        population = np.array([place.population for place in places], dtype=np.float64)
        share = population**0.75
        extra = rng.choice(len(places), size=count - len(places), p=share / share.sum())
        self.place: NDArray[np.int64] = np.concatenate([np.arange(len(places)), extra]).astype(np.int64)
        self.network = rng.choice(len(NETWORKS), size=count, p=[share for _, _, share in NETWORKS])
        self.kind = rng.choice(len(_KINDS), size=count, p=[share for _, share, _ in _KINDS])
        weight = 1.0 / (rng.permutation(count) + 10.0)
        self.weight: NDArray[np.float64] = weight / weight.sum()
        # A federation of few pages has no giant among them; 175,000 pages have one of some 400,000 subscribers.
        largest = 200 * spec.pages**0.63
        self.subscribers: NDArray[np.int64] = (80 + largest * np.sqrt(weight / weight.max()) ** 1.5).astype(np.int64)
        self.ids = [page_id(NETWORKS[n][0], spec.seed, i) for i, n in enumerate(self.network.tolist())]
        self.keys = [text.encode() for text in self.ids]
        partitioner = Partitioner(spec.partitions)
        self.partition = np.array([partitioner(key) for key in self.keys], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.ids)

    def register(self, places: list[Place]) -> list[Page]:
        """The pages as rows of a register, in order."""
        return [
            Page(
                self.ids[i],
                _KINDS[kind][2].format(i + 1),
                _KINDS[kind][0],
                NETWORKS[network][1],
                places[place].code,
            )
            for i, (kind, network, place) in enumerate(
                zip(self.kind.tolist(), self.network.tolist(), self.place.tolist(), strict=True)
            )
        ]
