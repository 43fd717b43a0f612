"""A guess at the encoding of Russian text, for messages: a wrong guess costs a wrong hint, never a wrong figure."""

from __future__ import annotations

from typing import Final

#: Encodings of Russian text that are not UTF-8, as Python names them.
CANDIDATES: Final = ("cp1251", "koi8-r", "cp866", "mac-cyrillic")
#: Letters by their frequency in Russian text, the most frequent first.
_BY_FREQUENCY: Final = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"
_WEIGHT: Final = {letter: len(_BY_FREQUENCY) - rank for rank, letter in enumerate(_BY_FREQUENCY)}
_UPPER_CASE: Final = 0.5
_STRANGE: Final = -20
#: Fewer characters outside ASCII tell nothing.
_FEWEST: Final = 3


def likely_encoding(sample: bytes) -> str | None:
    """The encoding in which ``sample`` reads most like Russian; None for UTF-8 and where none fits."""
    if is_utf8(sample) or sum(byte > 0x7F for byte in sample) < _FEWEST:
        return None
    scores = {name: _score(sample, name) for name in CANDIDATES}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > 0 else None


def is_utf8(sample: bytes) -> bool:
    """Whether ``sample``, which may end within a character, is UTF-8."""
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and error.start >= len(sample) - 3
    return True


def _score(sample: bytes, encoding: str) -> float:
    text = sample.decode(encoding, "replace")
    found = [letter for letter in text if not letter.isascii()]
    return sum(_WEIGHT.get(letter.lower(), _STRANGE) * (_UPPER_CASE if letter.isupper() else 1.0) for letter in found)
