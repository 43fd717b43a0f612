"""The platforms that the webhook service answers."""

from __future__ import annotations

from typing import Final

from ingest.platforms.platform import Platform
from ingest.platforms.vk import Vk

PLATFORMS: Final[tuple[Platform, ...]] = (Vk(),)
