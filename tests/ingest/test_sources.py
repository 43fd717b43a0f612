"""Sources of calls: written whole, for their owner only, by several at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.secret_files import SecretFileError
from ingest.sources import Source, changed_sources, new_secret, read_sources, sources_file


def add(path: Path, page: str) -> None:
    with changed_sources(path) as sources:
        sources[page] = Source(page=page, secrets=(new_secret(),), added_at=1)


def test_all_that_is_added_at_once_is_there(tmp_path: Path) -> None:
    path = sources_file(tmp_path / "sources", "vk")
    assert read_sources(path) == {}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add(path, str(number)), range(40)))
    found = read_sources(path)
    assert set(found) == {str(number) for number in range(40)}
    assert len({source.secrets for source in found.values()}) == 40
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = sources_file(tmp_path, "vk")
    add(path, "1")
    with pytest.raises(ZeroDivisionError), changed_sources(path) as sources:
        sources.clear()
        raise ZeroDivisionError
    assert set(read_sources(path)) == {"1"}


def test_a_file_that_others_may_read_or_that_is_damaged_is_named_without_its_contents(tmp_path: Path) -> None:
    path = sources_file(tmp_path, "vk")
    add(path, "1")
    path.chmod(0o640)
    with pytest.raises(SecretFileError, match="chmod 600"):
        read_sources(path)
    path.chmod(0o600)
    path.write_text('[{"page": "the-secret"')
    with pytest.raises(SecretFileError, match="damaged") as caught:
        read_sources(path)
    assert "the-secret" not in str(caught.value)


def test_secrets_show_nowhere_and_fit_into_vk_s_field() -> None:
    secret = new_secret()
    assert secret.isalnum() and len(secret) == 40
    assert secret not in repr(Source(page="1", secrets=(secret,), added_at=0, confirmation="abc"))
