"""Identities must never change and never collide by joining, and the key must never be seen."""

from __future__ import annotations

import hashlib
import hmac
import multiprocessing
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.identities import IdentityKey, IdentityKeyError, identity, load_identity_key

KEY = IdentityKey(bytes(range(32)))


def test_an_identity_is_the_same_for_ever() -> None:
    # Facts imported years ago must be recognised: if this fails, every identity has changed.
    message = b"\x00\x00\x00\x06appeal\x00\x00\x00\x03a-1"
    assert identity(KEY, "appeal", "a-1") == hmac.new(bytes(range(32)), message, hashlib.sha256).hexdigest()[:32]
    assert identity(KEY, "appeal", "a-1") == "8e3034ac8c331e38730c68754d491f62"


@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_other_parts_give_another_identity(some: list[str], others: list[str]) -> None:
    assert (identity(KEY, *some) == identity(KEY, *others)) == (some == others)


def test_another_installation_gives_other_identities() -> None:
    assert identity(KEY, "a") != identity(IdentityKey(bytes(32)), "a")


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "identity"
    first = load_identity_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert identity(load_identity_key(path), "a") == identity(first, "a")
    assert [file.name for file in path.parent.iterdir()] == ["identity"]


def _identity_of(path: str) -> str:
    return identity(load_identity_key(Path(path)), "a")


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        found = pool.map(_identity_of, [str(tmp_path / "identity")] * 8)
    assert len(set(found)) == 1


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "identity"
    load_identity_key(path)
    path.chmod(0o640)
    with pytest.raises(IdentityKeyError, match="chmod 600"):
        load_identity_key(path)


@pytest.mark.parametrize("content", [b"", b"zz", b"00" * 31])
def test_a_damaged_key_is_refused_and_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "identity"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(IdentityKeyError, match="backup"):
        load_identity_key(path)
    assert path.read_bytes() == content


def test_the_key_shows_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "identity"
    key = load_identity_key(path)
    secret = path.read_text().strip()
    assert secret not in repr(key) and secret not in str(key) and secret not in f"{key}"
    with pytest.raises(TypeError):
        pickle.dumps(key)
