"""Codes: the texts that numbers stand for, as columns."""

from __future__ import annotations

import polars as pl

from schemas.contract.numbered_texts import NumberedTexts, Numbers


class TextColumn:
    """The texts of one numbering as a column that grows with it, so that numbers become texts outside the lock."""

    def __init__(self, texts: NumberedTexts) -> None:
        self.texts = texts
        self._column = pl.Series([], dtype=pl.String)

    def of(self, codes: Numbers) -> pl.Series:
        """The texts that the codes stand for."""
        known = len(self._column)
        if known < len(self.texts):
            new = pl.Series(self.texts.since(known), dtype=pl.String)
            self._column = pl.concat([self._column, new], rechunk=True)
        return self._column.gather(codes)
