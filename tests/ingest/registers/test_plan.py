"""Import of register files: validity, reforms, conflicts with their lines, and the ways in which people save tables."""

from __future__ import annotations

from datetime import date

import pytest

from ingest.registers import history
from ingest.registers.history import Write
from ingest.registers.move import rows_of_a_move
from ingest.registers.page_register import SINCE_EVER
from ingest.registers.plan import Options, Plan, Surroundings, plan, summary
from ingest.registers.registers import ORGANISATIONS, PAGES, PLACES, Register
from ingest.registers.table_file import RegisterFileError, read_content

TODAY = date(2026, 11, 27)
REFORM = date(2027, 1, 1)
#: INNs of the Bank of Russia and of the tax service, with a right check digit.
BANK, TAX = "7702235133", "7707329152"
#: Two municipalities that a reform makes one, and Vladivostok.
OLD, NEW, CITY = "05617000", "05517000", "05701000"

PLACE_FILE = f"place,name\n{OLD},Лазовский район\n{CITY},Владивосток\n"
ORGANISATION_FILE = f"inn,name,place,level\n{BANK},Школа № 1,{OLD},municipal\n{TAX},Музей,{CITY},регионАльный\n"
PAGE_FILE = f"network,native_id,name,place,organisation\nvk,1,Школа,{OLD},{BANK}\nok,7,Музей,{CITY},{TAX}\n"


class Registers:
    """Three registers in memory, to which files are imported one after the other."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, history.History]] = {"places": {}, "organisations": {}, "pages": {}}

    def plan(
        self,
        register: Register,
        content: str | bytes,
        *,
        today: date = TODAY,
        since: date | None = None,
        complete: str | None = None,
    ) -> Plan:
        file = read_content(content.encode() if isinstance(content, str) else content, "file", register)
        around = Surroundings(self.stored[register.name], self.stored["places"], self.stored["organisations"])
        return plan(register, file, around, Options(today=today, since=since, complete=complete))

    def apply(self, register: Register, found: Plan) -> Plan:
        """As ClickHouse keeps it: the latest writing of a point stands, cancelled points are ignored."""
        stored = self.stored[register.name]
        for write in found.writes:
            points = {point.valid_from: point for point in stored.get(write.key, ())}
            points.pop(write.valid_from, None)
            if write.state != "cancelled":
                entry = write.entry if write.state == "in force" else None
                points[write.valid_from] = history.Point(write.valid_from, entry)
            stored[write.key] = tuple(sorted(points.values(), key=lambda point: point.valid_from))
        return found

    def load(self, register: Register, content: str | bytes, **options: date | str | None) -> Plan:
        return self.apply(register, self.plan(register, content, **options))  # type: ignore[arg-type]

    def validities(self, register: Register, key: str, column: str) -> list[tuple[date, date | None, object]]:
        found = history.validities(self.stored[register.name].get(key, ()))
        return [(each.valid_from, each.valid_to, register.column(each.entry, column)) for each in found]


@pytest.fixture
def registers() -> Registers:
    filled = Registers()
    for register, content in ((PLACES, PLACE_FILE), (ORGANISATIONS, ORGANISATION_FILE), (PAGES, PAGE_FILE)):
        assert filled.load(register, content).problems == []
    return filled


def problems(found: Plan) -> list[tuple[int, str | None, str]]:
    return [(problem.line, problem.field, problem.reason) for problem in found.problems]


def test_a_first_import_counts_since_ever_and_a_second_changes_nothing(registers: Registers) -> None:
    assert registers.validities(PAGES, "vk:1", "place") == [(SINCE_EVER, None, OLD)]
    again = registers.plan(PAGES, PAGE_FILE)
    assert (again.rows, again.unchanged, again.writes, again.problems) == (2, 2, [], [])


def test_a_changed_row_closes_the_old_validity_today(registers: Registers) -> None:
    found = registers.load(PAGES, PAGE_FILE.replace("Школа", "Гимназия"))
    assert [(write.key, write.valid_from, write.state) for write in found.writes] == [("vk:1", TODAY, "in force")]
    assert registers.validities(PAGES, "vk:1", "name") == [(SINCE_EVER, TODAY, "Школа"), (TODAY, None, "Гимназия")]


def test_a_second_change_on_the_same_day_replaces_the_first(registers: Registers) -> None:
    registers.load(PAGES, PAGE_FILE.replace("Школа", "Гимназия"))
    registers.load(PAGES, PAGE_FILE.replace("Школа", "Лицей"))
    assert registers.validities(PAGES, "vk:1", "name") == [(SINCE_EVER, TODAY, "Школа"), (TODAY, None, "Лицей")]
    registers.load(PAGES, PAGE_FILE)
    assert registers.validities(PAGES, "vk:1", "name") == [(SINCE_EVER, None, "Школа")]


def test_a_reform_at_a_date_keeps_history_right(registers: Registers) -> None:
    reform = f"place;name;valid_from;valid_to\n{OLD};Лазовский район;;01.01.2027\n{NEW};Лазовский округ;01.01.2027;\n"
    assert registers.load(PLACES, reform).problems == []
    for register in (ORGANISATIONS, PAGES):
        rows = rows_of_a_move(register, registers.stored[register.name], OLD, NEW, REFORM)
        around = Surroundings(
            registers.stored[register.name], registers.stored["places"], registers.stored["organisations"]
        )
        found = registers.apply(register, plan(register, rows, around, Options(today=TODAY)))
        assert found.problems == [] and len(found.writes) == 1
    assert registers.validities(PLACES, OLD, "name") == [(SINCE_EVER, REFORM, "Лазовский район")]
    assert registers.validities(PAGES, "vk:1", "place") == [(SINCE_EVER, REFORM, OLD), (REFORM, None, NEW)]
    assert registers.validities(ORGANISATIONS, BANK, "place") == [(SINCE_EVER, REFORM, OLD), (REFORM, None, NEW)]
    # The nightly list of before the reform is not a reason to undo what is planned.
    assert registers.plan(PAGES, PAGE_FILE).writes == []
    # After the reform the list still names the municipality that ended.
    late = registers.plan(PAGES, PAGE_FILE, today=date(2027, 2, 1))
    assert [(line, field) for line, field, _ in problems(late)] == [(2, "place")]
    assert f"it is from 1970-01-01 to {REFORM}" in problems(late)[0][2]


def test_an_end_closes_and_a_row_of_the_same_day_takes_it_back(registers: Registers) -> None:
    head = "network,native_id,valid_from,valid_to\n"
    registers.load(PAGES, head + "vk,1,,2026-12-01\n")
    end = date(2026, 12, 1)
    assert registers.validities(PAGES, "vk:1", "place") == [(SINCE_EVER, end, OLD)]
    cancelled = registers.load(PAGES, head + "vk,1,2026-12-01,2026-12-01\n")
    assert [write.state for write in cancelled.writes] == ["cancelled"]
    assert registers.validities(PAGES, "vk:1", "place") == [(SINCE_EVER, None, OLD)]
    assert "there is none" in problems(registers.plan(PAGES, head + "vk,1,2026-12-01,2026-12-01\n"))[0][2]


def test_an_ended_page_can_come_back_later(registers: Registers) -> None:
    registers.load(PAGES, "network,native_id,valid_to\nvk,1,2026-06-01\n")
    registers.load(PAGES, PAGE_FILE)
    assert registers.validities(PAGES, "vk:1", "place") == [
        (SINCE_EVER, date(2026, 6, 1), OLD),
        (TODAY, None, OLD),
    ]


def test_an_end_before_the_first_day_is_a_problem(registers: Registers) -> None:
    registers.load(PLACES, f"place,name,valid_from\n{NEW},Лазовский округ,2025-01-01\n")
    row = f"network,native_id,name,place,official,valid_to\nvk,80,Глава,{NEW},mayor,2024-01-01\n"
    assert problems(registers.plan(PAGES, row)) == [
        (2, "valid_to", "2024-01-01 is not after the first day: the row would begin on 2025-01-01")
    ]
    registers.load(PAGES, "network,native_id,valid_to\nvk,1,2026-06-01\n")
    head = "network,native_id,name,place,organisation,valid_to\n"
    again = registers.plan(PAGES, f"{head}vk,1,Школа,{OLD},{BANK},2026-07-01\n")
    assert [(line, field) for line, field, _ in problems(again)] == [(2, "valid_to")]


def test_a_file_without_a_column_leaves_its_values(registers: Registers) -> None:
    found = registers.load(PAGES, "network,native_id,gos_mark,comments_open\nvk,1,да,нет\nok,7,,+\nvk,99,да,да\n")
    assert problems(found) == [(4, "name", "the file has no such column, but a page needs it")]
    assert registers.validities(PAGES, "vk:1", "gos_mark")[-1] == (TODAY, None, True)
    assert registers.validities(PAGES, "vk:1", "name")[-1] == (TODAY, None, "Школа")
    assert registers.validities(PAGES, "ok:7", "comments_open")[-1] == (TODAY, None, True)


def test_a_new_page_begins_with_its_place_and_its_organisation(registers: Registers) -> None:
    registers.load(PLACES, f"place,name,valid_from\n{NEW},Лазовский округ,2025-01-01\n")
    registers.load(ORGANISATIONS, f"organisation,name,place,valid_from\nновая,Лицей,{NEW},2025-09-01\n")
    row = f"network,native_id,name,place,organisation\nvk,5,Лицей,{NEW},новая\n"
    registers.load(PAGES, row)
    assert registers.validities(PAGES, "vk:5", "place") == [(date(2025, 9, 1), None, NEW)]
    early = row.replace("organisation\n", "organisation,valid_from\n").replace("новая\n", "новая,2024-01-01\n")
    assert problems(registers.plan(PAGES, early))[0][1] == "place"


def test_conflicts_are_listed_with_line_and_reason(registers: Registers) -> None:
    content = (
        "network,native_id,name,place,organisation,official,valid_from,valid_to\n"
        f"vk,10,А,{CITY},{TAX},,,\n"
        f"vk,11,Б,05999000,{TAX},,,\n"
        f"vk,12,В,99999999,{TAX},,,\n"
        f"vk,10,Г,{CITY},{TAX},,,\n"
        f"vk,13,Д,{CITY},1234567890,,,\n"
        f"vk,14,Е,{CITY},,,,\n"
        f"vk,15,Ж,{CITY},{TAX},мэр,,\n"
        f"vk,admvlad,З,{CITY},{TAX},,,\n"
        f"vk,16,И,{CITY},{TAX},,2026-02-01,2026-01-01\n"
        f"vk,17,К,{CITY},{TAX},,2026-13-01,\n"
        f"vk,18,Л,{CITY}\n"
        f"fb,19,М,{CITY},{TAX},,,\n"
        f"max,20,Н,{CITY},{TAX},,,\n"
        f"max,20,Н,{CITY},{TAX},,,\n"
        f"vk,21,О,{CITY},,Губернатор,,\n"
    )
    found = registers.plan(PAGES, content)
    assert [(line, field, reason.split(":")[0][:58]) for line, field, reason in problems(found)] == [
        (2, None, "line 5 says otherwise of vk"),
        (3, "place", "unknown OKTMO 05999000"),
        (4, "place", "unknown OKTMO 99999999"),
        (5, None, "line 2 says otherwise of vk"),
        (6, "organisation", "the register of organisations does not hold 1234567890; im"),
        (7, "organisation", "a page needs its organisation, or the office of the offici"),
        (8, "official", "a page belongs to an organisation or to an official, not t"),
        (9, "native_id", "'admvlad' is not the number of a VK community"),
        (10, "valid_to", "2026-01-01 is not after the first day"),
        (11, "valid_from", "'2026-13-01' is not a day such as 2026-01-31 or 31.01.2026"),
        (12, None, "has 4 cells, the head line has 8"),
        (13, "network", "'fb' is not one of vk, ok, tg, max"),
        (15, None, "repeats line 14; it counts once"),
    ]
    assert [write.key for write in found.writes] == ["max:20", "vk:21"]


def test_overlapping_rows_of_one_page_contradict_each_other(registers: Registers) -> None:
    head = "network,native_id,name,place,organisation,valid_from,valid_to\n"
    rows = f"vk,30,А,{CITY},{TAX},2024-01-01,2025-06-01\nvk,30,Б,{CITY},{TAX},2025-01-01,\n"
    assert [line for line, _, _ in problems(registers.plan(PAGES, head + rows))] == [2, 3]
    assert problems(registers.plan(PAGES, head + rows.replace("2025-06", "2025-01"))) == []


def test_an_import_of_the_whole_list_ends_what_it_does_not_name(registers: Registers) -> None:
    one_row = PAGE_FILE.splitlines()[0] + "\n" + PAGE_FILE.splitlines()[1] + "\n"
    assert registers.plan(PAGES, one_row).writes == []
    assert registers.plan(PAGES, one_row, complete="01000000").writes == []
    (ended,) = registers.plan(PAGES, one_row, complete="05000000").writes
    assert (ended.key, ended.state, ended.valid_from) == ("ok:7", "ended", TODAY)
    damaged = registers.plan(PAGES, one_row + "vk,x\n", complete="all")
    assert damaged.writes == [] and damaged.not_ended


@pytest.mark.parametrize(
    ("inn", "reason"),
    [
        ("7702235134", "its last digit should be 3"),
        ("500100732259", "the INN of a person"),
        ("77022351", "not an INN of ten digits"),
        ("77О2235133", "not an INN of ten digits"),  # a Cyrillic letter
    ],
)
def test_an_inn_is_checked(registers: Registers, inn: str, reason: str) -> None:
    ((line, field, said),) = problems(registers.plan(ORGANISATIONS, f"inn,name,place\n{inn},Школа,{CITY}\n"))
    assert (line, field) == (2, "inn") and reason in said


def test_an_exempt_organisation_needs_its_reason(registers: Registers) -> None:
    head = "organisation,name,place,exempt,exempt_reason\n"
    found = registers.plan(ORGANISATIONS, head + f"a,А,{CITY},да,\nb,Б,{CITY},нет,ведёт страницу учредитель\n")
    assert [(line, field) for line, field, _ in problems(found)] == [(2, "exempt_reason"), (3, "exempt")]


@pytest.mark.parametrize(
    ("code", "region"),
    [
        ("11811000", "11800000"),
        ("11701000", "11000000"),
        ("71876000", "71800000"),
        ("71958000", "71900000"),
        ("71701000", "71000000"),
    ],
)
def test_the_longest_prefix_decides_the_region(registers: Registers, code: str, region: str) -> None:
    (write,) = registers.plan(PLACES, f"place,name\n{code},Город\n").writes
    assert PLACES.column(write.entry, "region") == region
    other = "71000000" if region != "71000000" else "71800000"
    found = registers.plan(PLACES, f"place,name,region\n{code},Город,{other}\n")
    assert f"lies in region {region}" in problems(found)[0][2]


def test_the_code_of_a_settlement_stands_for_its_district(registers: Registers) -> None:
    head = "network,native_id,name,place,organisation\n"
    (write,) = registers.plan(PAGES, head + f"vk,70,Село,05617407,{BANK}\n").writes
    assert PAGES.column(write.entry, "place") == OLD
    registers.load(PLACES, "place,name\n05617407,Сельское поселение\n")
    (write,) = registers.plan(PAGES, head + f"vk,70,Село,05617407106,{BANK}\n").writes
    assert PAGES.column(write.entry, "place") == "05617407"


def test_a_zone_other_than_that_of_the_days_is_a_problem(registers: Registers) -> None:
    found = registers.plan(
        PLACES, "place,name,zone\n98646000,Среднеколымский,Asia/Yakutsk\n05701000,В,Asia/Vladivostok\n"
    )
    assert [(line, field) for line, field, _ in problems(found)] == [(2, "zone")]


RUSSIAN = (
    "Сеть;Идентификатор;Название;ОКТМО;Код организации;Отметка «Госорганизация»;Класс\r\n"
    f'ВКонтакте;https://vk.com/public40;"МБОУ ""Школа № 3""; корпус 2";5701000;{TAX};Да;Визитка\r\n'
    ";;;;;;\r\n"
    f"одноклассники;41;Музей;{CITY}001;{TAX};;\r\n"
)


@pytest.mark.parametrize(
    "content",
    [
        RUSSIAN.encode("cp1251"),
        RUSSIAN.encode("utf-8"),
        RUSSIAN.encode("utf-8-sig"),
        b"sep=;\r\n" + RUSSIAN.encode("cp1251"),
        RUSSIAN.replace("; ", "~").replace(";", "\t").replace("~", "; ").encode("utf-8-sig"),
    ],
    ids=["cp1251", "utf-8", "byte order mark", "sep=", "tabs"],
)
def test_files_as_russian_excel_saves_them(registers: Registers, content: bytes) -> None:
    found = registers.plan(PAGES, content)
    assert found.problems == []
    first, second = found.writes
    assert (first.key, second.key) == ("vk:40", "ok:41")
    # The zero that Excel dropped is back, and of eleven digits the municipality's eight are left.
    assert [PAGES.column(write.entry, "place") for write in (first, second)] == [CITY, CITY]
    assert PAGES.column(first.entry, "name") == 'МБОУ "Школа № 3"; корпус 2'
    assert (PAGES.column(first.entry, "gos_mark"), PAGES.column(second.entry, "gos_mark")) == (True, None)
    assert PAGES.column(first.entry, "class") == "card"


def test_json_lines(registers: Registers) -> None:
    lines = (
        f'{{"network": "vk", "native_id": 50, "name": "А", "place": "{CITY}", "organisation": "{TAX}", '
        '"pos_widget": true}\n'
        "\n"
        '{"network": "vk", "native_id": 51\n'
        f'{{"network": "vk", "native_id": "52", "name": "Б", "place": "{CITY}", "official": "mayor", "class": null}}\n'
    )
    found = registers.plan(PAGES, lines)
    assert [line for line, _, _ in problems(found)] == [3]
    assert [(write.key, PAGES.column(write.entry, "pos_widget")) for write in found.writes] == [
        ("vk:50", True),
        ("vk:52", None),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"network,native_id,titel\n", "'titel'"),
        (b"network,natve_id\n", r"did you mean native_id\?"),
        (b"network,network\n", "twice"),
        (b"\x98\xff\x98,\n", "neither UTF-8 nor cp1251"),
        (b"\n\n", "no head line"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(content: bytes, message: str) -> None:
    with pytest.raises(RegisterFileError, match=message):
        read_content(content, "pages.csv", PAGES)


def test_a_column_can_be_left_out() -> None:
    file = read_content("№ п/п,network,native_id\n1,vk,5\n".encode(), "pages.csv", PAGES, ["№ П/П"])
    assert file.rows[0].texts == {"network": "vk", "native_id": "5"}


def test_an_open_quotation_mark_does_not_swallow_rows_in_silence(registers: Registers) -> None:
    found = registers.plan(
        PAGES, f'network,native_id,name,place,organisation\nvk,60,"А,{CITY},{TAX}\nvk,61,Б,{CITY},{TAX}\n'
    )
    ((line, _, reason),) = problems(found)
    assert (line == 2 and "goes on to line 4" in reason) or "line 3" in reason


def test_an_import_that_was_cut_off_is_finished_by_the_next(registers: Registers) -> None:
    content = PAGE_FILE.replace("Школа", "Гимназия").replace("Музей", "Парк") + f"tg,a,Н,{CITY},{TAX}\n"
    whole = registers.plan(PAGES, content).writes
    assert len(whole) == 3
    before = dict(registers.stored["pages"])
    registers.load(PAGES, content)
    wanted = dict(registers.stored["pages"])
    for taken in range(len(whole)):
        registers.stored["pages"] = dict(before)
        registers.apply(PAGES, Plan(0, 0, whole[:taken], [], not_ended=False))
        registers.load(PAGES, content)
        assert registers.stored["pages"] == wanted


def test_two_imports_at_once_leave_no_overlap(registers: Registers) -> None:
    one = registers.plan(PAGES, PAGE_FILE.replace("Школа", "Гимназия"), since=date(2026, 12, 1))
    other = registers.plan(PAGES, PAGE_FILE.replace("Школа", "Лицей"), since=date(2026, 12, 5))
    before = dict(registers.stored["pages"])
    for order in ((one, other), (other, one)):
        registers.stored["pages"] = dict(before)
        for each in order:
            registers.apply(PAGES, each)
        assert registers.validities(PAGES, "vk:1", "name") == [
            (SINCE_EVER, date(2026, 12, 1), "Школа"),
            (date(2026, 12, 1), date(2026, 12, 5), "Гимназия"),
            (date(2026, 12, 5), None, "Лицей"),
        ]


def test_a_summary_counts_keys(registers: Registers) -> None:
    found = registers.plan(PAGES, PAGE_FILE.replace("Школа", "Гимназия") + f"tg,a,Н,{CITY},{TAX}\n")
    assert dict(summary(found, registers.stored["pages"])) == {"changed": 1, "new": 1}
    assert all(isinstance(write, Write) for write in found.writes)
