"""Codes: small numbers for texts that repeat, so that the columns of a chunk are numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import count

import numpy as np
import numpy.typing as npt


class TextCodes(defaultdict[str, int]):
    """Numbers texts 0, 1, 2 ... as they first appear; iterating gives the texts in the order of their numbers."""

    def __init__(self) -> None:
        # No step of the interpreter for a new text either: a third of a chunk's texts may be new.
        super().__init__(count().__next__)

    def encode(self, texts: Iterable[str], size: int) -> npt.NDArray[np.uint64]:
        """The codes of ``size`` texts."""
        return np.fromiter(map(self.__getitem__, texts), np.uint64, size)
