"""Pseudonyms follow the key of their period, a destroyed key gives none, and keys are for their owner only."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ingest.author_keys import FIRST_DAY, AuthorKeyError, destroy, load_author_keys, moscow_day, rotate
from ingest.registers.page_register import moscow_midnight_ms

NEXT = date(2026, 12, 1)
#: The first moment of the second key: Moscow's midnight is 21:00 UTC.
NEXT_MS = moscow_midnight_ms(NEXT)


def test_the_first_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "authors"
    first = load_author_keys(folder)
    assert load_author_keys(folder).pseudonym("vk", "1", 0) == first.pseudonym("vk", "1", 0)
    (path,) = folder.iterdir()
    assert path.name == FIRST_DAY.isoformat() and path.stat().st_mode & 0o777 == 0o600


def test_an_account_has_one_pseudonym_in_a_period_and_another_in_the_next(tmp_path: Path) -> None:
    load_author_keys(tmp_path)
    rotate(tmp_path, NEXT)
    keys = load_author_keys(tmp_path)
    before, still = keys.pseudonym("vk", "1", 0), keys.pseudonym("vk", "1", NEXT_MS - 1)
    after, later = keys.pseudonym("vk", "1", NEXT_MS), keys.pseudonym("vk", "1", NEXT_MS * 2)
    assert before == still != after == later
    assert len({before, keys.pseudonym("vk", "2", 0), keys.pseudonym("ok", "1", 0)}) == 3
    assert before is not None and len(before) == 32


def test_a_destroyed_key_gives_no_author_and_no_older_key_takes_its_place(tmp_path: Path) -> None:
    load_author_keys(tmp_path)
    rotate(tmp_path, NEXT)
    rotate(tmp_path, date(2027, 1, 1))
    secret = (tmp_path / NEXT.isoformat()).read_bytes().strip()
    first = load_author_keys(tmp_path).pseudonym("vk", "1", 0)
    destroy(tmp_path, NEXT, moscow_midnight_ms(date(2027, 1, 5)))
    keys = load_author_keys(tmp_path)
    assert keys.pseudonym("vk", "1", NEXT_MS) is None
    assert keys.pseudonym("vk", "1", 0) == first
    assert not any(secret in path.read_bytes() for path in tmp_path.iterdir())


def test_the_key_in_force_is_not_destroyed_and_periods_are_not_mixed(tmp_path: Path) -> None:
    load_author_keys(tmp_path)
    with pytest.raises(AuthorKeyError, match="in force"):
        destroy(tmp_path, FIRST_DAY, NEXT_MS)
    rotate(tmp_path, NEXT)
    for day in (NEXT, date(2026, 11, 1)):
        with pytest.raises(AuthorKeyError, match="choose"):
            rotate(tmp_path, day)
    with pytest.raises(AuthorKeyError, match="no author key"):
        destroy(tmp_path, date(2020, 1, 1), NEXT_MS)


def test_a_key_that_others_may_read_or_that_is_damaged_is_named(tmp_path: Path) -> None:
    load_author_keys(tmp_path)
    path = tmp_path / FIRST_DAY.isoformat()
    path.chmod(0o644)
    with pytest.raises(AuthorKeyError, match="chmod 600"):
        load_author_keys(tmp_path)
    path.chmod(0o600)
    path.write_bytes(b"00")
    with pytest.raises(AuthorKeyError, match="damaged"):
        load_author_keys(tmp_path)


def test_days_are_moscow_s() -> None:
    assert moscow_day(NEXT_MS - 1) == date(2026, 11, 30) and moscow_day(NEXT_MS) == NEXT
