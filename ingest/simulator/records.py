"""Records: rows as the JSON that travels, put together from prepared fragments because a million must be quick."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import numpy as np

from ingest.simulator.geography import Place
from ingest.simulator.identities import APPEAL, AUTHOR, EVENT, MESSAGE, THREAD, Identities
from ingest.simulator.pages import NETWORKS, Pages
from ingest.simulator.rows import (
    APPEAL_KIND_COUNT,
    CHANNEL,
    CHANNELS,
    RESPONDERS,
    TOPICS,
    Rows,
)
from ingest.simulator.spec import FederationSpec
from schemas.contract.events import ENTRANCES, FORMATS, KINDS, NATURES

#: What a record about an appeal may name: column, domain of its identity, field. The first one gives its Kafka key.
_NAMES: Final = (
    ("appeal", APPEAL, "appeal"),
    ("thread", THREAD, "thread"),
    ("reply", MESSAGE, "reply_to"),
    ("message", MESSAGE, "message"),
)


class Writer:
    """Turns rows into records of the topic ``events``, key and value, both UTF-8."""

    def __init__(self, spec: FederationSpec, places: list[Place], pages: Pages, identities: Identities) -> None:
        self._pages = pages
        self._identities = identities
        self._kinds = [f'","kind":"{kind}","at":' for kind in KINDS]
        source = f',"source":"{spec.source}","channel":"'
        self._source = source
        # A page stands under its own channel, but for the widget that it carries.
        self._of_page = [
            f'{source}{NETWORKS[network][1]}","page":"{page}","entrance":"'
            for page, network in zip(pages.ids, pages.network.tolist(), strict=True)
        ]
        self._channels = [CHANNEL[NETWORKS[network][1]] for network in pages.network.tolist()]
        self._entrances = [f'{entrance}","place":"' for entrance in ENTRANCES]
        self._places = [f'{place.code}"' for place in places]
        self._formats = [f',"format":"{name}"' for name in FORMATS]
        self._topics = [f',"topic":"{topic}"' for topic in TOPICS]
        self._natures = [f',"nature":"{nature}"' for nature in NATURES]
        self._responders = [f',"responder":{json.dumps(name, ensure_ascii=False)}' for name in RESPONDERS]

    def appeal_keys(self, rows: Rows) -> list[str]:
        """The Kafka keys of rows about appeals: the identity of the appeal, else of the thread, else of the message."""
        keys = [""] * len(rows)
        for column, domain, _ in reversed(_NAMES):
            named = np.flatnonzero(rows[column] >= 0)
            hexes = self._identities.hexes(domain, rows[column][named])
            for i, number in enumerate(named.tolist()):
                keys[number] = hexes[32 * i : 32 * i + 32]
        return keys

    def records(self, rows: Rows) -> list[tuple[bytes, bytes]]:
        """Key and value of each row, in order."""
        ids = self._identities.hexes(EVENT, rows["fact"])
        authors = self._identities.hexes(AUTHOR, rows["author"])
        kinds, of_page, entrances, places = self._kinds, self._of_page, self._entrances, self._places
        page_ids, keys, formats = self._pages.ids, self._pages.keys, self._formats
        columns = ("kind", "at", "page", "entrance", "place", "author", "post", "format", "amount")
        records: list[tuple[bytes, bytes]] = []
        appeals = self._appeal_records(rows[rows["kind"] < APPEAL_KIND_COUNT])
        start = 0
        for kind, at, page, entrance, place, author, post, form, amount in zip(
            *(rows[column].tolist() for column in columns), strict=True
        ):
            end = start + 32
            if kind < APPEAL_KIND_COUNT:
                records.append(next(appeals))
                start = end
                continue
            text = f'{{"v":1,"id":"{ids[start:end]}{kinds[kind]}{at}{of_page[page]}{entrances[entrance]}{places[place]}'
            if author >= 0:
                text += f',"author":"{authors[start:end]}"'
            if post >= 0:
                text += f',"object":"{page_ids[page]}_{post}"'
            if form >= 0:
                text += formats[form]
            if amount > 1:
                text += f',"amount":{amount}'
            records.append((keys[page], (text + "}").encode()))
            start = end
        return records

    def _appeal_records(self, rows: Rows) -> Iterator[tuple[bytes, bytes]]:
        hexes = self._identities.hexes
        ids, authors = hexes(EVENT, rows["fact"]), hexes(AUTHOR, rows["author"])
        columns = (
            "kind", "at", "page", "channel", "entrance", "place", "author", "post", "topic", "responder", "nature",
            "rating", "urgent",
        )  # fmt: skip
        start = 0
        for (
            key, names, kind, at, page, channel, entrance, place, author, post, topic, responder, nature, rating, urgent
        ) in zip(
            self.appeal_keys(rows), self._names(rows), *(rows[column].tolist() for column in columns), strict=True
        ):  # fmt: skip
            end = start + 32
            if page >= 0 and self._channels[page] == channel:
                where = self._of_page[page]
            else:
                on_page = f'","page":"{self._pages.ids[page]}' if page >= 0 else ""
                where = f'{self._source}{CHANNELS[channel]}{on_page}","entrance":"'
            text = (
                f'{{"v":1,"id":"{ids[start:end]}{self._kinds[kind]}{at}{where}'
                f"{self._entrances[entrance]}{self._places[place]}{names}"
            )
            if author >= 0:
                text += f',"author":"{authors[start:end]}"'
            if post >= 0:
                text += f',"object":"{self._pages.ids[page]}_{post}"'
            if topic >= 0:
                text += self._topics[topic]
            if responder >= 0:
                text += self._responders[responder]
            if nature >= 0:
                text += self._natures[nature]
            if rating >= 0:
                text += f',"rating":{rating}'
            if urgent:
                text += ',"urgent":true'
            yield key.encode(), (text + "}").encode()
            start = end

    def _names(self, rows: Rows) -> list[str]:
        """What each row names, as fields of JSON."""
        names = [""] * len(rows)
        for column, domain, field in _NAMES:
            named = np.flatnonzero(rows[column] >= 0)
            hexes = self._identities.hexes(domain, rows[column][named])
            for i, number in enumerate(named.tolist()):
                names[number] += f',"{field}":"{hexes[32 * i : 32 * i + 32]}"'
        return names
