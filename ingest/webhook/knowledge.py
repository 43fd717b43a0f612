"""The knowledge of the service, kept fresh: sources, keys and the register of pages, without a restart."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ingest.author_keys import AuthorKeyError, load_author_keys
from ingest.identities import IdentityKey
from ingest.platforms.platform import Knowledge
from ingest.registers.live import LiveRegister, RegisterAbsentError
from ingest.secret_files import SecretFileError
from ingest.sources import Sources, read_sources, sources_file
from ingest.webhook.metrics import Metrics

#: How often files are looked at, and how often the register is read again, in seconds.
_LOOK_S: Final = 1.0
_REGISTER_S: Final = 30.0
_REGISTER_RETRY_S: Final = 5.0

log = logging.getLogger(__name__)


class KnowledgeKeeper:
    """Holds the :class:`Knowledge` of each platform; ``of`` is None until everything was read once."""

    def __init__(
        self,
        platforms: tuple[str, ...],
        *,
        sources: Path,
        author_keys: Path,
        identity: IdentityKey,
        register: LiveRegister,
        metrics: Metrics,
    ) -> None:
        self._platforms = platforms
        self._sources_folder = sources
        self._keys_folder = author_keys
        self._identity = identity
        self._register = register
        self._metrics = metrics
        self._known: Mapping[str, Knowledge] = {}
        self._files: dict[str, Sources] = {platform: {} for platform in platforms}
        self._authors = load_author_keys(author_keys)
        self._seen: object = None
        self._said: str | None = None
        self._read_at = self._read_next = 0.0
        #: Why there is no knowledge; None where there is.
        self.missing: str | None = "the register of pages was not read yet"

    def of(self, platform: str) -> Knowledge | None:
        """What the adapter of a platform may know now."""
        return self._known.get(platform)

    async def run(self) -> None:
        """Keep it fresh. Ends only by being cancelled."""
        while True:
            await asyncio.to_thread(self.refresh)
            await asyncio.sleep(_LOOK_S)

    def refresh(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Look at the files, and at the register when it is time. What cannot be read stays as it was."""
        try:
            changed = self._read_files()
            changed |= self._read_register(monotonic())
        except (SecretFileError, AuthorKeyError, RegisterAbsentError) as error:
            if str(error) != self._said:
                log.error("%s", error)
                self._said = str(error)
            if not self._known:
                self.missing = str(error)
            return
        self._said = None
        self._metrics.set("register_age_seconds", monotonic() - self._read_at)
        if changed or not self._known:
            self._known = {
                platform: Knowledge(self._files[platform], self._register.register, self._identity, self._authors)
                for platform in self._platforms
            }
            self.missing = None
            self._metrics.set("register_pages", len(self._register.register))
            for platform in self._platforms:
                self._metrics.set("sources", len(self._files[platform]), platform)

    def _read_files(self) -> bool:
        files = {platform: sources_file(self._sources_folder, platform) for platform in self._platforms}
        signs = [_sign(path) for path in (*files.values(), self._keys_folder)]
        if signs == self._seen:
            return False
        self._files = {platform: read_sources(path) for platform, path in files.items()}
        self._authors = load_author_keys(self._keys_folder)
        self._seen = signs
        return True

    def _read_register(self, now: float) -> bool:
        if self._known and now < self._read_next:
            return False
        before = self._register.register
        if not self._known:
            self._register.start()
        else:
            self._register.refresh()
        if self._register.failure is None:
            self._read_at, self._read_next = now, now + _REGISTER_S
        else:
            self._read_next = now + _REGISTER_RETRY_S
        return self._register.register is not before


def _sign(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is replaced, or a file of a folder is."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
