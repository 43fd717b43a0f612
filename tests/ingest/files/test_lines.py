"""Files as they come: compressed, cut off, damaged, misnamed, with lines of any length."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ingest.files.lines import MAX_LINE_BYTES, DamagedFileError, FileError, open_lines


def packed(name: str, content: bytes) -> bytes:
    if name.endswith(".gz"):
        return gzip.compress(content)
    return zstandard.ZstdCompressor().compress(content) if name.endswith(".zst") else content


NAMES = ["a.csv", "a.csv.gz", "a.csv.zst"]


@pytest.mark.parametrize("name", NAMES)
@given(lines=st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"").replace(b"\r", b"")), min_size=1))
def test_lines_come_as_they_are(tmp_path_factory: pytest.TempPathFactory, name: str, lines: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("f") / name
    path.write_bytes(packed(name, b"head\n" + b"\r\n".join(lines)))
    read = open_lines(path)
    found = list(read)
    assert found == [b"head", *(lines if lines[-1] else lines[:-1])]
    assert read.number == len(found)
    read.close()


@pytest.mark.parametrize("name", NAMES[1:])
def test_several_members_are_one_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(packed(name, b"a\nb") + packed(name, b"c\nd\n"))
    assert list(open_lines(path)) == [b"a", b"bc", b"d"]


@pytest.mark.parametrize("name", NAMES[1:])
def test_what_stands_before_a_cut_is_read_and_the_cut_is_told(tmp_path: Path, name: str) -> None:
    content = b"".join(b"%d,%x\n" % (n, zlib.crc32(b"%d" % n)) for n in range(100_000))
    whole = packed(name, content)
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) * 2 // 3])
    read = open_lines(path)
    found: list[bytes | None] = []
    with pytest.raises(DamagedFileError, match="is cut off") as caught:
        found.extend(read)
    assert f"after line {len(found):,}." in str(caught.value)
    # Not a buffer of sound lines is lost.
    assert len(found) > 50_000
    assert found == content.split(b"\n")[: len(found)]


@pytest.mark.parametrize("name", NAMES[1:])
def test_damage_in_the_middle_is_told(tmp_path: Path, name: str) -> None:
    content = b"".join(b"%d,%x\n" % (n, zlib.crc32(b"%d" % n)) for n in range(100_000))
    whole = bytearray(packed(name, content))
    whole[len(whole) // 2 : len(whole) // 2 + 64] = b"\xff" * 64
    path = tmp_path / name
    path.write_bytes(whole)
    with pytest.raises(DamagedFileError, match=r"is damaged|is cut off"):
        list(open_lines(path))


def test_a_line_of_any_length_takes_its_own_place_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    longest = b"x" * (MAX_LINE_BYTES - 1)
    path.write_bytes(b"a\n" + longest + b"\nb\n" + b"y" * (3 * MAX_LINE_BYTES) + b"\nc\n" + b"z" * MAX_LINE_BYTES)
    assert list(open_lines(path)) == [b"a", longest, b"b", None, b"c", None]


def test_lines_that_are_given_back_come_again_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1\n2\n3\n4\n")
    read = open_lines(path)
    taken = [next(read), next(read), next(read)]
    read.give_back(taken[1:])
    assert read.number == 1
    assert [(line, read.number) for line in read] == [(b"2", 2), (b"3", 3), (b"4", 4)]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("a.csv.zst", zstandard.ZstdCompressor().compress(b""), "is empty"),
        ("a.csv.gz", b"id,how\n", "is named .gz but is not a gzip file"),
        ("a.csv.zst", b"id,how\n", "is named .zst but is not a Zstandard file"),
        ("a.csv", gzip.compress(b"id\n", mtime=0), "is a gzip file but is not named .gz"),
        ("a.csv.gz", zstandard.ZstdCompressor().compress(b"id\n"), "is named .gz but is not"),
        ("a.csv", b"PK\x03\x04....", "Excel workbook: save it as CSV"),
        ("a.csv.gz", gzip.compress(b"PK\x03\x04....", mtime=0), "Excel workbook: save it as CSV"),
        ("a.csv", "id,how\n".encode("utf-16"), "UTF-16: convert it to UTF-8"),
    ],
)
def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileError, match=sentence):
        open_lines(path)


def test_absent_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="There is no file"):
        open_lines(tmp_path / "absent.csv")
    with pytest.raises(FileError, match="is not a regular file"):
        open_lines(tmp_path)
