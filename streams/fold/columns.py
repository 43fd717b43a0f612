"""Columns: records as arrays of one length, to be chosen from and put one after the other as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Times = npt.NDArray[np.int64]


class RecordColumns(Struct, gc=False):
    """Arrays of one length, one a member."""

    def where(self, mask: npt.NDArray[np.bool_]) -> Self:
        """The records that the mask names."""
        return self if mask.all() else type(self)(*(getattr(self, name)[mask] for name in self.__struct_fields__))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The records of all parts, one after the other; there is at least one part."""
        if len(parts) == 1:
            return parts[0]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__struct_fields__))
