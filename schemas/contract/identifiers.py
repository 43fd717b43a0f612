"""The textual forms of the contract: identities, pages, places, sources, topics, and a fast check of each."""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Callable, Collection, Iterable
from typing import Final, NamedTuple

HEX32: Final = re.compile(r"[0-9a-f]{32}")
SOURCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,95}")
PAGE: Final = re.compile(r"(?:vk|ok|tg|max):[A-Za-z0-9_.-]{1,64}")
PLACE: Final = re.compile(r"[0-9]{8}|[a-z][a-z0-9-]{0,15}:[A-Za-z0-9_.-]{1,48}")
TOPIC: Final = re.compile(r"[a-z0-9_-]{1,31}\.[a-z0-9_-]{1,31}")
#: The name of a kind or metric, also of one that this release does not know.
NAME: Final = re.compile(r"[a-z][a-z_]{1,47}")
UNKNOWN_PLACE: Final = "00000000"


class Form(NamedTuple):
    """The form of a text: what a rejection says of it, and its regular expression; None where there is none."""

    sentence: str
    pattern: re.Pattern[str] | None = None


_HEX32 = Form("32 lower-case hexadecimal digits", HEX32)
_SOURCE = Form("letters, digits and _ . : / -", SOURCE)
_LINE = Form("one printable line")
#: The form of each field that has one beside its type. Validators, rejections and the JSON Schema use it.
FORMS: Final = {
    **dict.fromkeys(("id", "author", "appeal", "thread", "message", "reply_to"), _HEX32),
    **dict.fromkeys(("source", "load"), _SOURCE),
    **dict.fromkeys(("channel", "responder", "object", "field", "reason", "origin"), _LINE),
    "place": Form("eight digits of OKTMO or namespace:code", PLACE),
    "page": Form("vk:, ok:, tg: or max: followed by the page's public id", PAGE),
    "topic": Form("two dotted levels such as housing.heating", TOPIC),
    "period_to": Form("later than period_from"),
    "complete_at": Form("no earlier than observed_at"),
}

#: A cache of texts that passed is bounded: an adversary may send a new text with every record.
KNOWN_LIMIT: Final = 65_536
#: What is printable of ASCII.
_PRINTABLE: Final = bytes(range(0x20, 0x7F))


class KnownTexts:
    """Remembers which texts of one form are valid, so that the regular expression runs once a distinct text.

    Pages, places, sources, channels and topics repeat a thousandfold; a set look-up costs a tenth of the match.
    """

    __slots__ = ("_known", "_matches")

    def __init__(self, matches: Callable[[str], object]) -> None:
        self._matches = matches
        self._known: set[str] = set()

    def __contains__(self, text: str) -> bool:
        if text in self._known:
            return True
        if not self._matches(text):
            return False
        if len(self._known) >= KNOWN_LIMIT:
            self._known.clear()
        self._known.add(text)
        return True

    def holds_all(self, texts: Collection[str]) -> bool:
        """Whether every one of ``texts`` is valid: one look-up each, a step of the interpreter for new ones only."""
        if self._known.issuperset(texts):
            return True
        new = set(texts) - self._known
        if not all(map(self._matches, new)):
            return False
        if len(self._known) + len(new) > KNOWN_LIMIT:
            self._known.clear()
        self._known |= new
        return True


def is_label(text: str) -> bool:
    """Whether an open-list text (a channel, a responder, an object) is one printable line that is not blank."""
    return text.isprintable() and not text.isspace()


def hex32_bytes(texts: Iterable[str]) -> bytes | None:
    """The bytes that texts of 32 lower-case hexadecimal digits each stand for; None where one has anything else.

    Judged together: the texts are known to have 32 characters each.
    """
    joined = "".join(texts)
    try:
        found = unhexlify(joined)
    except ValueError:
        return None
    # Nothing but digits of either case came so far.
    return found if joined == joined.lower() else None


def are_hex32(texts: Iterable[str]) -> bool:
    """Whether texts of 32 characters each are all lower-case hexadecimal digits, judged together."""
    return hex32_bytes(texts) is not None


def are_labels(texts: Collection[str]) -> bool:
    """Whether all of ``texts`` are labels (:func:`is_label`), judged together."""
    joined = "".join(texts)
    # The same as ``isprintable``, at a quarter of the time.
    printable = not joined.encode().translate(None, _PRINTABLE) if joined.isascii() else joined.isprintable()
    # The only blank that is printable is the space: where there is none, no text is blank.
    return printable and (" " not in joined or not any(map(str.isspace, texts)))
