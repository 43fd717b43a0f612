"""Cells of register files: the value that each text stands for, or the reason why it stands for none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from functools import cache
from typing import Final

from ingest.registers.page_register import SINCE_EVER
from schemas.contract.identifiers import UNKNOWN_PLACE
from schemas.reference.places import region_of
from schemas.reference.reference_data import namespaces

#: The last day that ClickHouse's ``Date`` holds.
_LAST_DAY: Final = date(2149, 6, 6)
_MAX_NAME: Final = 500
_RUSSIAN_DATE: Final = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_VK_FORMS: Final = re.compile(r"(?:https?://)?(?:m\.)?(?:vk\.(?:com|ru)/)?(?:club|public|event|-)?([0-9]{1,19})/?")
_NATIVE_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_YES: Final = frozenset({"да", "yes", "true", "1", "+"})
_NO: Final = frozenset({"нет", "no", "false", "0", "-"})
#: Weights of the check digit of a ten-digit INN (order of the tax service of 29.06.2012 ММВ-7-6/435).
_INN_WEIGHTS: Final = (2, 4, 10, 3, 5, 9, 4, 6, 8)


class CellError(ValueError):
    """A cell that stands for no value; the message is the reason."""


def name(text: str) -> str:
    """A name: one printable line of at most 500 characters."""
    if not text.isprintable():
        raise CellError("holds a line break or another control character; is a quotation mark left open?")
    if len(text) > _MAX_NAME:
        raise CellError(f"has {len(text):,} characters; {_MAX_NAME} are allowed")
    return text


def day(text: str) -> date:
    """A day, ``2026-01-31`` or ``31.01.2026``."""
    russian = _RUSSIAN_DATE.fullmatch(text)
    try:
        value = date(int(russian[3]), int(russian[2]), int(russian[1])) if russian else date.fromisoformat(text)
    except ValueError:
        raise CellError(f"{text!r} is not a day such as 2026-01-31 or 31.01.2026") from None
    if not SINCE_EVER <= value <= _LAST_DAY:
        raise CellError(f"{value} lies outside {SINCE_EVER} to {_LAST_DAY}")
    return value


def yes_or_no(text: str) -> bool:
    """A sign: да or нет, yes or no, true or false, 1 or 0, + or -."""
    folded = text.casefold()
    if folded in _YES or folded in _NO:
        return folded in _YES
    raise CellError(f"{text!r} is neither yes nor no (да, нет, true, false, 1, 0)")


def whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number within bounds; spaces between its digits are allowed."""

    def read(text: str) -> int:
        digits = "".join(text.split())
        if not (digits.isascii() and digits.isdigit()):
            raise CellError(f"{text!r} is not a whole number")
        value = int(digits)
        if not least <= value <= most:
            raise CellError(f"{value:,} is not between {least:,} and {most:,}")
        return value

    return read


def oktmo(text: str) -> str:
    """The municipality of an OKTMO code: eight digits, or the first eight of the eleven that a locality has.

    Excel drops the zero in front of a number: seven and ten digits get it back. Raises CellError where no region's
    codes begin so (the longest prefix decides).
    """
    if not (text.isascii() and text.isdigit()) or len(text) not in (7, 8, 10, 11):
        raise CellError(f"{text!r} is not an OKTMO code of 8 or 11 digits")
    code = text.zfill(8 if len(text) < 10 else 11)[:8]
    if code == UNKNOWN_PLACE:
        raise CellError("00000000 stands for an unknown place and cannot be registered")
    if region_of(code) is None:
        raise CellError(f"unknown OKTMO {code}: the codes of no region begin so")
    return code


def place(text: str) -> str:
    """A municipality's OKTMO code (:func:`oktmo`), or ``namespace:code`` of a known namespace."""
    namespace, colon, code = text.partition(":")
    if not colon:
        return oktmo(text)
    if namespace not in _namespaces() or not re.fullmatch(r"[A-Za-z0-9_.-]{1,48}", code):
        raise CellError(f"{text!r} is not a place: the namespaces are {', '.join(sorted(_namespaces()))}")
    return text


def inn(text: str) -> str:
    """An organisation's INN: ten digits with a right check digit. Excel's lost zero in front comes back.

    Twelve digits are the INN of a person, which is personal data and is not accepted.
    """
    digits = text.zfill(10)
    if not (digits.isascii() and digits.isdigit()) or len(text) < 9:
        raise CellError(f"{text!r} is not an INN of ten digits")
    if len(digits) == 12:
        raise CellError("twelve digits are the INN of a person; an organisation has ten")
    if len(digits) != 10:
        raise CellError(f"has {len(digits)} digits; the INN of an organisation has ten")
    check = sum(weight * int(digit) for weight, digit in zip(_INN_WEIGHTS, digits, strict=False)) % 11 % 10
    if check != int(digits[9]):
        raise CellError(f"{digits} is not an INN: its last digit should be {check}")
    return digits


def key(text: str) -> str:
    """The operator's own key of an organisation, or its INN; Excel's lost zero in front of an INN comes back."""
    if len(text) == 9 and text.isdigit():
        with suppress(CellError):
            return inn(text)
    if not re.fullmatch(r"[0-9A-Za-zА-Яа-яЁё_.:/-]{1,64}", text):
        raise CellError(f"{text!r} is not a key: letters, digits and _ . : / - are allowed, at most 64")
    return text


def vk_id(text: str) -> str:
    """The number of a VK community, also from ``club123``, ``public123``, ``-123`` or its address with the number."""
    found = _VK_FORMS.fullmatch(text)
    if found is None:
        raise CellError(
            f"{text!r} is not the number of a VK community: take it from the settings of its Callback API, "
            "the short address does not do"
        )
    return found[1].lstrip("0") or "0"


def native_id(text: str) -> str:
    """The id of a page in a network other than VK, as events carry it."""
    if not _NATIVE_ID.fullmatch(text):
        raise CellError(f"{text!r} is not an id: letters, digits and _ . - are allowed, at most 64")
    return text


def one_of(names: Mapping[str, str]) -> Callable[[str], str]:
    """One code of a list; ``names`` maps each code to its Russian name, which is accepted too, in any case."""
    codes = {spelling.casefold(): code for code, russian in names.items() for spelling in (code, russian)}

    def read(text: str) -> str:
        code = codes.get(text.casefold())
        if code is None:
            raise CellError(f"{text!r} is not one of {', '.join(names)}")
        return code

    return read


@cache
def _namespaces() -> frozenset[str]:
    return frozenset(row.namespace for row in namespaces())
