"""Generations from plan to end: create, carry rows over, switch the views, retire, drop. Each step may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from schemas.clickhouse.generations import Generation, generations, record_state
from schemas.clickhouse.migrate import create_generation, show_generation
from schemas.clickhouse.sql_files import DATA, VIEWS, Rendering, literal
from schemas.connections import KafkaConnection
from schemas.contract.topics import TOPICS
from streams.bookkeeping.decisions import mended_origins, trimmed_to
from streams.bookkeeping.logs import recorded_logs, unregistered
from streams.bookkeeping.offsets import KafkaOffsets, PartitionRange
from streams.bookkeeping.progress import folded_offsets
from streams.definition import Definition, current_definition, decode_definition, encode_definition
from streams.positions import Partition, TopicPartition
from streams.rebuild import carry, plan
from streams.rebuild.plan import RebuildRefusedError, Wishes

Say = Callable[[str], None]


class Pair(Struct, frozen=True):
    """The generation that is shown and the one that is to replace it."""

    old: Definition
    new: Definition
    #: Number of each topic's log.
    logs: dict[str, int]
    #: Logs of deleted topics, whose rows are only carried over.
    gone_logs: frozenset[int]


class Rebuilder:
    """The steps of a rebuild on ClickHouse and Kafka. The caller runs the workers and waits for them."""

    def __init__(
        self,
        client: Client,
        kafka: KafkaConnection,
        rendering: Rendering,
        say: Say,
        today: Callable[[int], Definition] = current_definition,
    ) -> None:
        """``client`` writes; ``say`` is told each step in a sentence; ``today`` is what this code would fold."""
        self._client = client
        self._kafka = kafka
        self._rendering = rendering
        self._say = say
        self._today = today

    def begin(self, wishes: Wishes) -> Pair:
        """Plan the next generation, create it, carry over the rows below its cuts, set its group's offsets.

        Raises ``RebuildRefusedError`` and ``DefinitionError``; nothing is left behind then.
        """
        recorded = generations(self._client)
        building = _building(recorded)
        if building:
            raise RebuildRefusedError(
                f"Generation {building[0].number} is being built already: go on with `gospulse rebuild --resume`, or "
                f"give it up with `gospulse rebuild drop {building[0].number}`."
            )
        old = decode_definition(_active(recorded).definition)
        number = max(generation.number for generation in recorded) + 1
        with KafkaOffsets(self._kafka) as offsets:
            logs = self.logs(offsets)
            pair = self._planned(offsets, logs, number, old, wishes)
            self._say(f"generation {number} replaces generation {old.generation}")
            create_generation(self._client, number, encode_definition(pair.new), self._rendering)
            try:
                # A trim that was decided before it could see this generation is seen here.
                again = self._planned(offsets, logs, number, old, wishes)
                if again.new.cut != pair.new.cut:
                    raise RebuildRefusedError("The log was trimmed while the rebuild was planned: begin it again.")
            except RebuildRefusedError:
                self.drop(number)
                raise
        self._fill(pair)
        return pair

    def resume(self) -> Pair | None:
        """The rebuild that was interrupted, with its first steps done again; None where none is under way."""
        recorded = generations(self._client)
        active = [generation for generation in recorded if generation.state == "active"]
        building = _building(recorded)
        if not building and len(active) < 2:
            return None
        old = decode_definition(min(active, key=lambda g: g.number).definition)
        latest = max(building or active, key=lambda g: g.number)
        new = decode_definition(latest.definition)
        with KafkaOffsets(self._kafka) as offsets:
            logs = self.logs(offsets)
        pair = Pair(old, new, logs, frozenset(carry.gone_logs(self._client, old.generation, logs.values())))
        if building:
            create_generation(self._client, new.generation, latest.definition, self._rendering)
            self._fill(pair)
        return pair

    def switch(self, pair: Pair) -> None:
        """Point every view at the new generation, then record that it is active and the old one retired."""
        show_generation(self._client, pair.new.generation, self._rendering)
        record_state(self._client, pair.new.generation, "active")
        record_state(self._client, pair.old.generation, "retired")
        self._say(f"the views read generation {pair.new.generation}; generation {pair.old.generation} is retired")

    def drop(self, number: int) -> int:
        """Drop the tables of a generation that is not read; returns how many. Raises ``RebuildRefusedError``."""
        found = [generation for generation in generations(self._client) if generation.number == number]
        if not found:
            raise RebuildRefusedError(f"There is no generation {number}.")
        if found[0].state == "active":
            raise RebuildRefusedError(f"Generation {number} is the one that the views of {VIEWS} read.")
        record_state(self._client, number, "retired")
        rows = self._client.query(
            f"SELECT name FROM system.tables WHERE database = {literal(DATA)} AND endsWith(name, '_g{number}')"
        ).result_rows
        on_cluster = " ON CLUSTER '{cluster}'" if self._rendering.replicated else ""
        for (name,) in rows:
            self._client.command(f"DROP TABLE IF EXISTS {DATA}.{name}{on_cluster} SYNC")
        return len(rows)

    def logs(self, offsets: KafkaOffsets) -> dict[str, int]:
        """The number of each topic's log. Raises ``RebuildRefusedError`` where one is not registered."""
        names = [topic.name for topic in TOPICS]
        ids = offsets.topic_ids(names)
        recorded = recorded_logs(self._client)
        for name in names:
            if ids.get(name) not in recorded:
                raise RebuildRefusedError(unregistered(self._kafka.topic(name), ids.get(name), False))
        return {name: recorded[ids[name]] for name in names}

    def _planned(
        self, offsets: KafkaOffsets, logs: Mapping[str, int], number: int, old: Definition, wishes: Wishes
    ) -> Pair:
        new = plan.next_definition(self._today(number), old, wishes, mended_origins(self._client))
        gone = frozenset(carry.gone_logs(self._client, old.generation, logs.values()))
        if gone and not wishes.from_cut:
            raise RebuildRefusedError(
                f"Generation {old.generation} holds rows of deleted topics (log {', '.join(map(str, sorted(gone)))}), "
                "which cannot be folded again. With --from-cut they are carried over."
            )
        ranges = _as_trimmed(offsets.ranges(logs), logs, trimmed_to(self._client))
        folded = folded_offsets(self._client, old.generation)
        pair = Pair(old, plan.begin(new, old, logs, ranges, folded, wishes), dict(logs), gone)
        carry.refuse_changes(self._client, _carried(pair))
        return pair

    def _fill(self, pair: Pair) -> None:
        """Carry over, then let the group begin at the cuts: in this order, and before the first worker starts."""
        carried = _carried(pair)
        if carried.nothing:
            return
        carry.carry(self._client, carried)
        topics = {log: topic for topic, log in pair.logs.items()}
        group = self._kafka.group(pair.new.generation)
        with KafkaOffsets(self._kafka) as offsets:
            committed = offsets.committed(group)
            starts = {TopicPartition(topics[log], part): cut for log, part, cut in pair.new.cut}
            missing = {partition: cut for partition, cut in starts.items() if partition not in committed}
            if missing:
                offsets.commit(group, missing)
        cuts = ", ".join(f"{partition} at {cut:,}" for partition, cut in sorted(starts.items()))
        self._say(f"carried over the rows below the cut ({cuts or 'deleted topics only'})")


def _carried(pair: Pair) -> carry.Carried:
    return carry.Carried(pair.new, pair.old, pair.gone_logs)


def _building(recorded: tuple[Generation, ...]) -> list[Generation]:
    """Generations that are neither read nor retired; where even the state is missing, a crash came very early."""
    return [generation for generation in recorded if generation.state not in ("active", "retired")]


def _active(recorded: tuple[Generation, ...]) -> Generation:
    active = [generation for generation in recorded if generation.state == "active"]
    if not active:
        raise RebuildRefusedError("There is no active generation: run `gospulse migrate` first.")
    if len(active) > 1:
        raise RebuildRefusedError("A switch was interrupted: finish it with `gospulse rebuild --resume`.")
    return active[0]


def _as_trimmed(
    ranges: Mapping[TopicPartition, PartitionRange], logs: Mapping[str, int], trimmed: Mapping[Partition, int]
) -> dict[TopicPartition, PartitionRange]:
    """The ranges as they will be once every recorded trim is done."""
    return {
        partition: PartitionRange(
            max(held.begin, trimmed.get(Partition(logs[partition.topic], partition.part), 0)), held.end
        )
        for partition, held in ranges.items()
    }
