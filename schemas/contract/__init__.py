"""The contract: events, readings, rejections, topics."""

from typing import Final

#: The version of the contract that this release reads and writes.
VERSION: Final = 1
