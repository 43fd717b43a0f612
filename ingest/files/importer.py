"""The importer: rows of a file, through a mapping, into Kafka. Acknowledged, resumable, rejected rows listed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from ingest.files.conversion import AppealConverter, RowRejectedError
from ingest.files.job import ImportJob, ImportUseError, Progress, Summary, observed_at_of, require_form
from ingest.files.lines import DamagedFileError, FileError, LineFile, content_digest, open_lines
from ingest.files.progress import ImportProgress, fingerprint, progress_path, read_progress, write_progress
from ingest.files.rejects import RejectFile, Rejections
from ingest.files.rows import Rows, open_rows
from ingest.files.shared_keys import SharedKeys
from ingest.files.totals import Totals
from ingest.identities import IdentityKey
from ingest.kafka.outgoing import Outgoing
from ingest.kafka.publisher import Delivered, Publisher, PublishError
from ingest.mapping.mapping import AppealMapping
from schemas.contract.rejected import Rejected

REPORT_EVERY: Final = 1_000
SAVE_EVERY: Final = 5_000


class Importer:
    """One run of an import. ``now_ms`` is its time (UTC): it bounds times of events and stamps rejections.

    All options are checked before Kafka is contacted.

    Raises (constructor): ImportUseError, FileError or DamagedFileError, each with one clear sentence.
    """

    def __init__(self, job: ImportJob, key: IdentityKey, *, now_ms: int) -> None:
        mapping = job.mapping
        self._job = job
        source = job.source or mapping.source
        require_form("--source", source)
        observed_at = observed_at_of(job, now_ms)
        self._lines: LineFile = open_lines(job.file)
        try:
            self._rows: Rows = open_rows(self._lines, mapping)
            digest = content_digest(job.file)
        except OSError as error:
            self._lines.close()
            raise FileError(f"{job.file} cannot be read: {error.strerror}.") from error
        except BaseException:
            self._lines.close()
            raise
        load = job.load or default_load(mapping, digest)
        require_form("--load", load)
        path = progress_path(job.state, load)
        self._progress_path = path
        self._progress = ImportProgress(
            load=load, fingerprint=fingerprint(digest, mapping.digest, source, str(observed_at))
        )
        self.summary = Summary(
            load=load, source=source, shape=mapping.shape, rejects=job.rejects or path.with_suffix(".rejects.jsonl")
        )
        self._totals: Totals | None = None
        self._convert: AppealConverter | None = None
        if mapping.shape == "totals":
            self._totals = Totals(mapping, key, source=source, load=load, now_ms=now_ms, observed_at=observed_at)
        else:
            self._convert = AppealConverter(mapping, key, source=source, load=load, now_ms=now_ms)
        self._keys = SharedKeys(mapping)
        self._rejections = Rejections(source=source, load=load, at_ms=now_ms)
        if job.resume:
            self._resume()

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    def run(
        self,
        connect: Callable[[Delivered], Publisher],
        *,
        report: Callable[[Progress], None],
        stop: Callable[[], bool],
    ) -> Summary:
        """Import. ``connect`` opens the publisher, ``report`` takes progress, ``stop`` says whether to stop.

        Raises:
            PublishError: Kafka does not answer at the start. Later failures are in the summary.
            OSError: the reject or the progress file cannot be written.
        """
        summary = self.summary
        if summary.already_done:
            return summary
        self._report = report
        with RejectFile(summary.rejects, keep_to_line=summary.resumed_after) as rejects:
            self._rejects = rejects
            publisher = self._publisher = connect(self._delivered)
            try:
                self._send_all(stop)
                publisher.close()
            except DamagedFileError as error:
                summary.failure = str(error)
                self._settle_after_damage()
            except PublishError as error:
                summary.failure = str(error)
            finally:
                summary.rejected = self._rejections.count
                summary.reasons = self._rejections.reasons
                self._add_shared_keys()
                rejects.flush()
                self._save(finished=summary.failure is None and not summary.stopped)
                _close_quietly(publisher)
        return summary

    def _resume(self) -> None:
        saved = read_progress(self._progress_path)
        if saved is None:
            raise ImportUseError(f"There is no earlier import with load {self._progress.load}: leave --resume out.")
        if saved.fingerprint != self._progress.fingerprint:
            raise ImportUseError(
                f"The import with load {saved.load} had another file, mapping, source or --as-of. Leave --resume out to"
                " start again."
            )
        self.summary.already_done = saved.finished
        # A total is known when the whole file was read.
        if not saved.finished and self._totals is None:
            self.summary.resumed_after = self.summary.confirmed_line = saved.line

    def _send_all(self, stop: Callable[[], bool]) -> None:
        summary, lines = self.summary, self._lines
        lines.skip_to(summary.resumed_after)
        for rows, (line, cells) in enumerate(self._rows, start=1):
            summary.rows = rows
            if isinstance(cells, Rejected):
                self._reject(line, cells)
                if self._totals is not None:
                    self._totals.unassigned += 1
            else:
                self._send_row(line, cells)
            if rows % REPORT_EVERY == 0:
                self._glance("rows")
                if rows % SAVE_EVERY == 0:
                    self._publisher.settle()
                    self._rejects.flush()
                    self._save()
            if stop():
                summary.stopped = True
                break
        self._glance("rows")
        if not summary.stopped:
            if self._totals is not None:
                self._send_totals(self._totals, stop)
            last = self._rejections.summary()
            if last is not None:
                self._publish(last)
        self._publisher.flush()
        if self._totals is None:
            summary.confirmed_line = lines.number

    def _send_row(self, line: int, cells: Sequence[str]) -> None:
        try:
            if self._convert is None:
                assert self._totals is not None
                self._totals.add(line, cells)
                return
            outgoing = self._convert(cells)
            self._keys.add(line, cells)
        except RowRejectedError as error:
            self._reject(line, error.why)
            return
        for record in outgoing[:-1]:
            self._publish(record)
        for record in outgoing[-1:]:
            # Records are acknowledged in order: with its last one the row is done, and every row before it.
            self._publish(record, self._lines.number)
        self.summary.events += len(outgoing)

    def _send_totals(self, totals: Totals, stop: Callable[[], bool]) -> None:
        summary = self.summary
        for line, record in totals.finish():
            if isinstance(record, Rejected):
                self._reject(line, record)
            else:
                self._publish(record)
                summary.readings += 1
            if summary.readings % REPORT_EVERY == 0:
                self._glance("totals")
                if stop():
                    summary.stopped = True
                    break
        summary.withheld = totals.withheld
        summary.unassigned = totals.unassigned
        self._glance("totals")

    def _reject(self, line: int, why: Rejected) -> None:
        self._rejects.write(line, why)
        record = self._rejections.record(line, why)
        if record is not None:
            self._publish(record, self._lines.number if self._totals is None else None)

    def _publish(self, record: Outgoing, token: int | None = None) -> None:
        self._publisher.publish(record.topic, record.key, record.value, token)

    def _delivered(self, token: object, _partition: int, _offset: int) -> None:
        if isinstance(token, int):
            self.summary.confirmed_line = token

    def _settle_after_damage(self) -> None:
        """Wait for the rows before the damage. Totals of half a file would be too low: none is sent."""
        try:
            self._publisher.flush()
        except PublishError as error:
            self.summary.failure = f"{self.summary.failure} And {error}"
            return
        if self._totals is None:
            self.summary.confirmed_line = self._lines.number

    def _add_shared_keys(self) -> None:
        summary, keys = self.summary, self._keys
        summary.shared_rows, summary.shared_keys, summary.most_shared = keys.rows, keys.keys, keys.most
        summary.keys_shortened = keys.shortened

    def _glance(self, phase: str) -> None:
        summary, lines = self.summary, self._lines
        records = summary.events + summary.readings
        self._report(Progress(phase, summary.rows, records, self._rejections.count, lines.position, lines.size))

    def _save(self, *, finished: bool = False) -> None:
        progress = self._progress
        write_progress(
            self._progress_path,
            ImportProgress(
                load=progress.load,
                fingerprint=progress.fingerprint,
                line=self.summary.confirmed_line,
                finished=finished,
            ),
        )


def default_load(mapping: AppealMapping, digest: str) -> str:
    """The load of a file: the mapping's name and the file's digest.

    A name may hold letters that a load may not, such as ``моё`` or ``my map``. Then the mapping's digest is added, so
    that two mappings never share a load.
    """
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", mapping.name).strip("_.-")[:60]
    if name != mapping.name:
        name = f"{name or 'mapping'}-{mapping.digest[:6]}"
    return f"{name}-{digest[:12]}"


def _close_quietly(publisher: Publisher) -> None:
    try:
        publisher.close()
    except PublishError:
        pass  # It is in the summary.
