"""Codes: small numbers for texts that repeat, so that the columns of a chunk are numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


class TextCodes(dict[str, int]):
    """Numbers texts 0, 1, 2 ... as they first appear; iterating gives the texts in the order of their numbers."""

    def __missing__(self, text: str) -> int:
        code = len(self)
        self[text] = code
        return code

    def encode(self, texts: Iterable[str], count: int) -> npt.NDArray[np.uint64]:
        """The codes of ``count`` texts."""
        return np.fromiter(map(self.__getitem__, texts), np.uint64, count)
