"""What carries a spike, and the words that a duty officer reads about it."""

from __future__ import annotations

import pytest

from streams.spikes.carriers import carriers_of, is_pushed, messages, nature_of, reason

NAMES = {"housing.heating": "Отопление", "vk:1": "Администрация города", "office": "Приёмная"}


def test_a_spike_of_many_people_says_topics_pages_and_authors_by_name() -> None:
    heating = [("vk:1", "housing.heating", "public_page", f"author-{n}", n // 4, 1) for n in range(23)]
    found = carriers_of([*heating, ("vk:2", None, "public_page", "author-1", 9, 1)])
    assert nature_of(found) == "spike" and is_pushed(found)
    assert reason("Барнаул", 3, 24, 1.24, found, NAMES) == (
        "Барнаул: за 3 часа 24 сообщения, обычно 1,2. Темы: Отопление (23). "
        "Страницы: Администрация города (23), vk:2 (1). Разных авторов: 23."
    )


def test_one_author_is_named_as_that_and_alerts_nobody() -> None:
    rows = [("vk:1", None, "public_page", "angry", n, 1) for n in range(200)]
    rows += [("vk:1", None, "public_page", f"other-{n}", n, 1) for n in range(3)]
    found = carriers_of(rows)
    assert nature_of(found) == "one_author" and not is_pushed(found)
    assert "Один автор написал 200 из 203." in reason("Бийск", 24, 203, 5.0, found, NAMES)


def test_bulk_entry_is_named_as_that_and_alerts_nobody() -> None:
    found = carriers_of([(None, None, "office", f"appeal-{n}", 7, 1) for n in range(41)])
    assert nature_of(found) == "bulk_entry" and not is_pushed(found)
    assert "Массовый ввод: 41 сообщение за пять минут через «Приёмная»." in reason("Бийск", 1, 41, 0.1, found, NAMES)


def test_two_authors_alert_nobody() -> None:
    found = carriers_of([("vk:1", None, "public_page", f"author-{n % 2}", n, 1) for n in range(5)])
    assert not is_pushed(found)


@pytest.mark.parametrize(
    ("n", "words"),
    [
        *((1, "1 сообщение"), (2, "2 сообщения"), (5, "5 сообщений"), (11, "11 сообщений"), (14, "14 сообщений")),
        *((21, "21 сообщение"), (112, "112 сообщений"), (104, "104 сообщения")),
    ],
)
def test_numbers_agree_with_their_noun(n: int, words: str) -> None:
    assert messages(n) == words
