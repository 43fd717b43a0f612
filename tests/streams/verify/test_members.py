"""The verifier lists the columns of facts by itself: the lists are complete and in the order of the tables."""

from __future__ import annotations

import msgspec
import pytest

from schemas.contract.events import FACT_KINDS, Event
from streams.fold.rows import TABLES
from streams.verify.recount.facts import told_by
from streams.verify.stored.facts import FACT_MEMBERS
from tests.schemas.builders.contract_examples import names, raw


@pytest.mark.parametrize("table", FACT_MEMBERS)
def test_the_list_of_stored_members_is_that_of_the_table(table: str) -> None:
    columns = list(TABLES[table])
    after_times = columns[columns.index("appended") + 1 :]
    assert FACT_MEMBERS[table].split() == after_times, "bring FACT_MEMBERS in streams/verify/stored/facts.py up to date"


@pytest.mark.parametrize("example", names("event"))
def test_the_recount_tells_every_member_in_the_order_of_the_table(example: str) -> None:
    event = msgspec.json.decode(raw(example), type=Event)
    told = list(told_by(event, event.place)) if event.kind in FACT_KINDS else []
    for fact in told:
        members = [getattr(event, member) for member in FACT_MEMBERS[fact.table].split()]
        assert list(fact.said) == members, "bring told_by in streams/verify/recount/facts.py up to date"
