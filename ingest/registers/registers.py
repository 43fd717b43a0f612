"""The three registers: their columns in files and in ClickHouse, and what makes an entry of each sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from ingest.registers import cells
from ingest.registers.cells import CellError
from schemas.reference.places import region_of, zone_of
from schemas.reference.reference_data import institution_kinds

#: An entry: the values of the columns of its table, the key first, without validity.
Entry = tuple[Any, ...]
#: Values of a row by the name of their field; a field that the file does not have is absent.
Values = dict[str, Any]


class Field(Struct, frozen=True):
    """A column of a register file. ``heading`` is the Russian heading that is accepted too."""

    name: str
    heading: str
    meaning: str
    read: Callable[[str], Any]
    required: bool = False


class EntryError(ValueError):
    """An entry that contradicts itself: the field and the reason."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class Register(Struct, frozen=True):
    """A register: ``name`` is its table, its command and its file; ``columns`` are those of an :data:`Entry`."""

    name: str
    singular: str
    columns: tuple[str, ...]
    fields: tuple[Field, ...]
    #: The key of a row from its values, for the fields ``key_fields``.
    key_of: Callable[[Values], str]
    key_fields: tuple[str, ...]
    #: An entry from complete values. Raises :class:`EntryError`.
    entry: Callable[[Values], Entry]
    #: The values of an entry, for files.
    values: Callable[[Entry], Values]
    #: Brings values that were read one by one into their final form. Raises :class:`EntryError`.
    refine: Callable[[Values], None] = lambda _values: None

    def column(self, entry: Entry, name: str) -> Any:
        """The value of one column of an entry; None for a column that the register does not have."""
        return entry[self.columns.index(name)] if name in self.columns else None


def _plain(columns: tuple[str, ...]) -> Callable[[Entry], Values]:
    return lambda entry: dict(zip(columns, entry, strict=True))


def _place_entry(values: Values) -> Entry:
    code = values["place"]
    region = region_of(code)
    assert region is not None  # the cell was read by `oktmo`
    zone = zone_of(code)
    if values.get("region") not in (None, region.code):
        raise EntryError("region", f"{code} lies in region {region.code} ({region.name}), not in {values['region']}")
    if values.get("zone") not in (None, zone):
        raise EntryError(
            "zone", f"the days of {code} are cut in {zone}, not in {values['zone']}; leave the cell empty to accept it"
        )
    population = values.get("population")
    if population is not None and (values.get("population_year") is None or values.get("population_source") is None):
        raise EntryError("population", "a population needs population_year and population_source beside it")
    year, source = values.get("population_year"), values.get("population_source")
    return (code, values["name"], region.code, zone, population, year, source)


def _organisation_key(values: Values) -> str:
    key = values.get("organisation") or values.get("inn")
    if key is None:
        raise EntryError("organisation", "the key is missing: fill `organisation`, or `inn`, which then is the key")
    return str(key)


def _organisation_entry(values: Values) -> Entry:
    exempt, reason = bool(values.get("exempt")), values.get("exempt_reason")
    if exempt and reason is None:
        raise EntryError("exempt_reason", "an exempt organisation needs the reason")
    if reason is not None and not exempt:
        raise EntryError("exempt", "a reason is given, but the organisation is not marked as exempt")
    inn, kind, level = values.get("inn"), values.get("kind"), values.get("level")
    return (_organisation_key(values), inn, values["name"], kind, values["place"], level, exempt, reason)


#: The signs of the official rating of public pages, with the Russian heading of each.
SIGNS: Final[Mapping[str, str]] = {
    "created": "Создана",
    "gos_mark": "Отметка «Госорганизация»",
    "pos_component": "Компонент «Госпаблики» ПОС",
    "pos_widget": "Виджет ПОС",
    "comments_open": "Комментарии открыты",
    "administrators_appointed": "Администраторы назначены",
    "administrators_trained": "Администраторы обучены",
    "mini_apps": "Мини-приложения",
}
_PAGE_COLUMNS: Final = ("page", "name", "place", "organisation", "official", "kind", "class", *SIGNS)


def _page_key(values: Values) -> str:
    return f"{values['network']}:{values['native_id']}"


def _page_entry(values: Values) -> Entry:
    if values.get("organisation") is not None and values.get("official") is not None:
        raise EntryError("official", "a page belongs to an organisation or to an official, not to both")
    if values.get("organisation") is None and values.get("official") is None:
        raise EntryError("organisation", "a page needs its organisation, or the office of the official who keeps it")
    return (_page_key(values), *(values.get(column) for column in _PAGE_COLUMNS[1:]))


def _page_values(entry: Entry) -> Values:
    network, _, native_id = entry[0].partition(":")
    return {"network": network, "native_id": native_id} | dict(zip(_PAGE_COLUMNS[1:], entry[1:], strict=True))


def _refine_page(values: Values) -> None:
    """The id in the form of its network."""
    try:
        values["native_id"] = (cells.vk_id if values["network"] == "vk" else cells.native_id)(values["native_id"])
    except CellError as error:
        raise EntryError("native_id", str(error)) from None


_NETWORKS: Final = {"vk": "ВКонтакте", "ok": "Одноклассники", "tg": "Telegram", "max": "МАКС"}
_LEVELS: Final = {"federal": "федеральный", "regional": "региональный", "municipal": "муниципальный"}
_OFFICES: Final = {
    "governor": "губернатор",
    "mayor": "мэр",
    "minister": "министр",
    "other_official": "другое должностное лицо",
}
_CLASSES: Final = {"flagship": "флагманский", "active": "активный", "card": "визитка"}
_KIND: Final = Field(
    "kind",
    "Вид учреждения",
    "Kind of institution, by its code or Russian name",
    cells.one_of({row.code: row.name for row in institution_kinds()}),
)

_PLACE_COLUMNS: Final = ("place", "name", "region", "zone", "population", "population_year", "population_source")
PLACES: Final = Register(
    name="places",
    singular="place",
    columns=_PLACE_COLUMNS,
    fields=(
        Field("place", "ОКТМО", "OKTMO code of the municipality: 8 digits, of 11 the first 8", cells.oktmo, True),
        Field("name", "Наименование", "Name of the municipality", cells.name, True),
        Field("region", "Регион", "OKTMO code of its region; follows from the code, checked where given", cells.oktmo),
        Field(
            "zone", "Часовой пояс", "IANA time zone of its days; follows from the code, checked where given", cells.name
        ),
        Field("population", "Население", "Inhabitants; needs year and source", cells.whole(0, 50_000_000)),
        Field("population_year", "Год населения", "Year of that population", cells.whole(1990, 2100)),
        Field("population_source", "Источник населения", "Who published it", cells.name),
    ),
    key_of=lambda values: str(values["place"]),
    key_fields=("place",),
    entry=_place_entry,
    values=_plain(_PLACE_COLUMNS),
)

_ORGANISATION_COLUMNS: Final = ("organisation", "inn", "name", "kind", "place", "level", "exempt", "exempt_reason")
ORGANISATIONS: Final = Register(
    name="organisations",
    singular="organisation",
    columns=_ORGANISATION_COLUMNS,
    fields=(
        Field("organisation", "Код организации", "Key of your own; where it is empty the INN is the key", cells.key),
        Field("inn", "ИНН", "INN of the organisation: ten digits with a right check digit", cells.inn),
        Field("name", "Наименование", "Name of the organisation", cells.name, True),
        _KIND,
        Field("place", "ОКТМО", "Municipality that it belongs to, known to the register of places", cells.place, True),
        Field("level", "Уровень", "federal, regional or municipal", cells.one_of(_LEVELS)),
        Field("exempt", "Освобождена", "Whether it need not keep pages; empty: it must", cells.yes_or_no),
        Field("exempt_reason", "Причина освобождения", "Why it need not; only with exempt", cells.name),
    ),
    key_of=_organisation_key,
    key_fields=("organisation", "inn"),
    entry=_organisation_entry,
    values=_plain(_ORGANISATION_COLUMNS),
)

PAGES: Final = Register(
    name="pages",
    singular="page",
    columns=_PAGE_COLUMNS,
    fields=(
        Field("network", "Сеть", "vk, ok, tg or max", cells.one_of(_NETWORKS), True),
        Field("native_id", "Идентификатор", "Id in the network; for VK the number of the community", cells.name, True),
        Field("name", "Название", "Public title; for an official write the office, not the person", cells.name, True),
        Field("place", "ОКТМО", "Municipality that it belongs to, known to the register of places", cells.place, True),
        Field("organisation", "Код организации", "Key (or INN) of the organisation that keeps it", cells.key),
        Field("official", "Должность", "governor, mayor, minister or other_official", cells.one_of(_OFFICES)),
        _KIND,
        Field("class", "Класс", "flagship, active or card", cells.one_of(_CLASSES)),
        *(
            Field(sign, heading, "Sign of the official rating: yes, no, or empty for unknown", cells.yes_or_no)
            for sign, heading in SIGNS.items()
        ),
    ),
    key_of=_page_key,
    key_fields=("network", "native_id"),
    entry=_page_entry,
    values=_page_values,
    refine=_refine_page,
)

REGISTERS: Final[Mapping[str, Register]] = {register.name: register for register in (PLACES, ORGANISATIONS, PAGES)}

#: Columns that every register file may have beside its fields.
VALIDITY: Final = (
    Field("valid_from", "Действует с", "First day (Moscow) of the row", cells.day),
    Field("valid_to", "Действует до", "First day (Moscow) after it; empty: no end is known", cells.day),
)


def read_values(register: Register, texts: Mapping[str, str]) -> Values:
    """The values of a row from its texts by field. An empty text of a field stands for None.

    Raises :class:`EntryError` for the first cell that stands for no value.
    """
    values: Values = {}
    for field in (*register.fields, *VALIDITY):
        text = texts.get(field.name)
        if text is None:
            continue
        text = text.strip()
        if not text:
            values[field.name] = None
            continue
        try:
            values[field.name] = field.read(text)
        except CellError as error:
            raise EntryError(field.name, str(error)) from None
    for field in register.fields:
        if field.required and field.name in register.key_fields and values.get(field.name) is None:
            raise EntryError(field.name, "the cell is empty, but it belongs to the key")
    register.refine(values)
    return values
