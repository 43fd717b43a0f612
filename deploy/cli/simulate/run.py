"""One run of the simulator: records at the asked rate to Kafka or a file, with progress and a summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from deploy.cli.signals import stop_on_signal
from ingest.kafka.publisher import Publisher
from ingest.simulator.federation import Federation
from ingest.simulator.truth import Truth, truth_of, write_truth
from schemas.connections import KafkaConnection
from schemas.contract.topics import EVENTS

#: Records between two looks at the clock.
_STRIDE: Final = 256
#: Longest wait for a broker's first answer, seconds; less where it must acknowledge sooner.
_CONNECT_TIMEOUT_S: Final = 10.0

Send = Callable[[str, bytes, bytes], None]


class RunOptions(Struct, frozen=True):
    """Where the records go: to ``kafka``, into ``to_file``, or nowhere.

    ``rate`` is in events a second; ``timeout`` is how many seconds Kafka may take to confirm a record.
    """

    kafka: KafkaConnection | None
    to_file: Path | None
    rate: float | None
    truth: Path | None
    timeout: float


class Outcome(Struct, frozen=True):
    """The result of a run; ``seconds`` is its wall clock."""

    truth: Truth
    complete: bool
    seconds: float
    destination: str
    truth_path: Path | None


def run_simulation(federation: Federation, options: RunOptions) -> Outcome:
    """Send every record and write the truth.

    SIGINT and SIGTERM stop the run after the current record. Then Kafka has acknowledged the records sent so far, and
    the truth is theirs.

    Raises PublishError where Kafka did not take everything, TruthError and OSError where a file cannot be written.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        stopped = stack.enter_context(stop_on_signal())
        send, finish, destination = _destination(options, stack)
        advance = stack.enter_context(progress(federation))
        records = federation.records()
        complete = True
        sent = 0
        for topic, key, value in records:
            send(topic, key, value)
            sent += topic == EVENTS
            if options.rate is not None:
                ahead = began + sent / options.rate - time.monotonic()
                if ahead > 0.005:
                    advance(sent)
                    stopped.wait(ahead)
            elif sent % _STRIDE == 0:
                advance(sent)
            if stopped.is_set():
                complete = False
                break
        # Closing counts the records of the current block that were taken.
        records.close()
        advance(sent)
        finish()
    if options.truth is not None:
        truth = write_truth(federation, options.truth, complete=complete)
    else:
        truth = truth_of(federation, complete=complete)
    return Outcome(truth, complete, time.monotonic() - began, destination, options.truth)


def show(outcome: Outcome, console: Console | None = None) -> None:
    """The summary of a run as a table."""
    summary = outcome.truth.summary
    table = Table(title=f"Synthetic federation, {summary.source}", show_header=False, title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    rate = summary.events / outcome.seconds if outcome.seconds else 0.0
    table.add_row("Span (UTC)", f"{summary.start} to {summary.end}")
    table.add_row("Records of events", f"{summary.events:,}")
    table.add_row("Facts", f"{summary.facts:,}")
    table.add_row("Appeals", f"{summary.appeals:,}")
    table.add_row("Appeals with a reply", f"{summary.appeals_replied:,}")
    table.add_row("Replies that belong to no appeal", f"{summary.answers_unmatched:,}")
    table.add_row("Repeats within the window", f"{summary.repeats.within:,}")
    if summary.repeats.between:
        table.add_row("Repeats at the window's edge", f"{summary.repeats.between:,}")
    table.add_row("Repeats beyond the window", f"{summary.repeats.beyond:,}")
    if summary.copies_unsent:
        table.add_row("Copies that the run was too short for", f"{summary.copies_unsent:,}")
    table.add_row("Readings", f"{summary.readings:,}")
    for spike in summary.spikes:
        table.add_row(f"Spike in {spike.place}, {spike.topic}", f"{spike.appeals:,} appeals")
    table.add_row("Took", f"{outcome.seconds:.1f} s, {rate:,.0f} events a second")
    table.add_row("Sent to", outcome.destination)
    if outcome.truth_path is not None:
        table.add_row("Truth", str(outcome.truth_path))
    (console or Console()).print(table)


def _destination(options: RunOptions, stack: ExitStack) -> tuple[Send, Callable[[], None], str]:
    """A function that sends one record, one that waits for all, and the name of the destination."""
    if options.kafka is not None:
        publisher = stack.enter_context(
            Publisher(
                options.kafka,
                timeout=options.timeout,
                connect_timeout=min(_CONNECT_TIMEOUT_S, options.timeout),
                client_id="gospulse-simulate",
            )
        )

        def publish(topic: str, key: bytes, value: bytes) -> None:
            publisher.publish(topic, key.decode(), value)

        return publish, publisher.flush, f"Kafka at {', '.join(options.kafka.bootstrap)}"
    if options.to_file is not None:
        file = stack.enter_context(options.to_file.open("wb"))

        def write(topic: str, key: bytes, value: bytes) -> None:
            file.write(b'{"topic":"%s","key":"%s","value":%s}\n' % (topic.encode(), key, value))

        return write, file.flush, str(options.to_file)

    def drop(_topic: str, _key: bytes, _value: bytes) -> None:
        return None

    return drop, lambda: None, "nowhere (dry run)"


@contextmanager
def progress(federation: Federation) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _sent: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>10,.0f}/s"),
        TimeRemainingColumn(),
    )
    began = time.monotonic()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(federation.spec.source, total=federation.spec.events, rate=0.0)
        yield lambda sent: progress.update(task, completed=sent, rate=sent / max(1e-9, time.monotonic() - began))
