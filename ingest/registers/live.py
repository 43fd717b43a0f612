"""The register that a running service holds: read from ClickHouse, kept on disk, refreshed without a pause."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ingest.registers.page_register import PageRegister
from ingest.registers.snapshot import SnapshotError, read_snapshot, write_snapshot


class RegisterAbsentError(Exception):
    """Neither ClickHouse nor a snapshot gives the register; the message says what to do."""


class LiveRegister:
    """Holds the latest register in ``register``. A failed refresh keeps the one before.

    ``read`` fetches the register (ingest.registers.store.read_page_register with a client); it may raise any error. It
    may return the register that is held already: then nothing is written.
    ``snapshot`` is the file that every successful read replaces. Both methods block: call them in a thread.
    """

    def __init__(self, read: Callable[[], PageRegister], snapshot: Path) -> None:
        self.register = PageRegister()
        #: Why the latest read failed; None where it succeeded.
        self.failure: str | None = None
        self._read = read
        self._snapshot = snapshot

    def start(self) -> PageRegister:
        """Read from ClickHouse, else from the snapshot. Raises :class:`RegisterAbsentError` where neither works."""
        if not self.refresh():
            try:
                self.register = read_snapshot(self._snapshot)
            except SnapshotError as error:
                raise RegisterAbsentError(
                    f"The register of pages cannot be read: {self.failure}. {error} Start ClickHouse and try again."
                ) from error
        return self.register

    def refresh(self) -> bool:
        """Read the register again and write the snapshot; False where that failed (``failure`` says why)."""
        try:
            register = self._read()
        except Exception as error:
            self.failure = " ".join(str(error).split()) or type(error).__name__
            return False
        self.failure = None
        if register is self.register:
            return True
        self.register = register
        try:
            write_snapshot(self._snapshot, register)
        except OSError as error:
            self.failure = f"the snapshot {self._snapshot} cannot be written: {error.strerror}"
        return True
