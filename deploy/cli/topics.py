"""``gospulse topics``: makes Kafka's topics, compares them with the settings, records their ids."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from deploy import topics
from deploy.cli.tables import show
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.key_check import check_keys
from deploy.machine.stack import own_cluster
from deploy.settings import Settings
from schemas.connections import KafkaConnection
from streams.bookkeeping.logs import recorded_logs
from streams.bookkeeping.offsets import KafkaUnavailableError
from streams.verify.recount.log import LogUnreadableError

NAME = "topics"
HELP = "make Kafka's topics and record their ids (apply), show them (list), check the keys of producers (check)"
EXAMPLES = """
  gospulse topics apply     make what is missing; a topic that differs is reported (exit 1), never changed
  gospulse topics list      id, number in the tables, partitions
  gospulse topics check     do all producers use the keys of the contract and Kafka's partitioner? (exit 1 if not)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds ``apply`` and ``list``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("apply", help="make what is missing, compare the rest, record the ids in ClickHouse")
    actions.add_parser("list", help="show the topics that exist")
    check = actions.add_parser("check", help="find records whose key or partition is not that of the contract")
    check.add_argument(
        "--last", type=int, default=100_000, metavar="N", help="offsets to read of each partition (100,000)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 when a topic differs from the settings, or a record from the contract's keys."""
    try:
        if args.action == "check":
            return _check(settings, args.last)
        return _apply(settings) if args.action == "apply" else _list(settings)
    except (topics.TopicsError, KafkaUnavailableError, LogUnreadableError) as error:
        raise UserError(str(error)) from error


def _check(settings: Settings, last: int) -> int:
    if last < 1:
        raise UserError("--last is at least 1", WRONG_USE)
    checked = check_keys(settings.kafka, last)
    if not checked.faults:
        print(f"{checked.records:,} records checked: every key and partition is that of the contract")
        return GOOD
    show(
        ("topic", "source", "fault", "records", "example"),
        [(fault.topic, fault.source, fault.fault, f"{fault.records:,}", fault.example) for fault in checked.faults],
        right=("records",),
    )
    print(
        f"{sum(fault.records for fault in checked.faults):,} of {checked.records:,} records are in the wrong place. "
        "Copies of a fact in two partitions are merged only later, and engagement may be counted twice. Give the "
        'producer the key of the contract and the partitioner "murmur2_random" (docs/contract.md, "Kafka keys").'
    )
    return FAILURE


def _apply(settings: Settings) -> int:
    kafka, store = settings.kafka, settings.clickhouse
    outcome = topics.apply(kafka, settings.replication_factor, settings.topics, cluster=own_cluster(settings))
    for name in outcome.created:
        print(f"created {kafka.topic(name)}")
    with clickhouse(store) as client:
        _demand_tables(client.command(f"EXISTS TABLE {topics.LOGS}"))
        topics.register(client, topics.existing(kafka), datetime.now(UTC))
    if outcome.differences:
        show_differences(kafka, outcome.differences)
        return FAILURE
    if not outcome.created:
        print("all topics are as the settings say")
    return GOOD


def show_differences(kafka: KafkaConnection, differences: Sequence[topics.Difference]) -> None:
    """Prints the differences of topics from the settings."""
    rows = [(kafka.topic(row.topic), row.setting, row.wanted, row.found) for row in differences]
    show(("topic", "setting", "wanted", "found"), rows)
    print("Nothing was changed. Change settings with Kafka's own tools; partition counts never change in place.")


def _list(settings: Settings) -> int:
    kafka = settings.kafka
    ids = {name: topic.id for name, topic in topics.existing(kafka).items()}
    with clickhouse(settings.clickhouse) as client:
        _demand_tables(client.command(f"EXISTS TABLE {topics.LOGS}"))
        numbers = recorded_logs(client)
    rows = [
        (
            kafka.topic(topic.name),
            ids.get(topic.name, "missing"),
            numbers.get(ids.get(topic.name, "")),
            topic.partitions,
        )
        for topic in settings.topics
    ]
    show(("topic", "id", "log", "partitions"), rows, right=("log", "partitions"))
    return GOOD


def _demand_tables(exists: object) -> None:
    if not int(str(exists)):
        raise UserError(f"{topics.LOGS} does not exist yet: run `gospulse migrate` first")
