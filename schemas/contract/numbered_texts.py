"""Numbered texts: small numbers for valid texts of one form that repeat, so that a column of them is numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count, islice
from struct import pack

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]


class NumberedTexts(defaultdict[str, int]):
    """Numbers texts 0, 1, 2 ... as they first appear; iterating gives the texts in the order of their numbers.

    One look-up both says that a text is valid (or it had no number) and turns it into a number.
    """

    def __init__(self, matches: Callable[[str], object]) -> None:
        # No step of the interpreter for a new text: a third of a chunk's texts may be new.
        super().__init__(count().__next__)
        self._matches = matches

    def numbers(self, texts: Sequence[str]) -> Numbers | None:
        """The numbers of ``texts``; None where one of them is not valid, and then nothing is remembered of them."""
        before = len(self)
        found = [self[text] for text in texts]
        if len(self) > before:
            new = self.since(before)
            if not all(map(self._matches, new)):
                for text in new:
                    del self[text]
                self.default_factory = count(before).__next__
                return None
        return np.frombuffer(pack(f"{len(found)}Q", *found), np.uint64)

    def numbers_of_few(self, texts: Sequence[str]) -> Numbers | None:
        """The same for texts that are mostly one and the same."""
        distinct = set(texts)
        if len(distinct) != 1:
            return self.numbers(texts)
        one = self.numbers(texts[:1])
        return None if one is None else np.full(len(texts), one[0], np.uint64)

    def since(self, number: int) -> list[str]:
        """The texts from a number on."""
        latest = list(islice(reversed(self), len(self) - number))
        latest.reverse()
        return latest
