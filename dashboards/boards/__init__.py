"""The boards: the country, a region, a municipality, spikes."""

from __future__ import annotations

from typing import Final

from dashboards.boards.country import COUNTRY_BOARD
from dashboards.boards.municipality import MUNICIPALITY_BOARD
from dashboards.boards.region import REGION_BOARD
from dashboards.boards.spikes import SPIKES_BOARD
from dashboards.builders.board import Board

#: In the order from general to detailed.
BOARDS: Final[tuple[Board, ...]] = (COUNTRY_BOARD, REGION_BOARD, MUNICIPALITY_BOARD, SPIKES_BOARD)
