"""Links from board to board that keep the time and the filters."""

from __future__ import annotations

from typing import Any, Final

COUNTRY: Final = "gospulse-country"
REGION: Final = "gospulse-region"
MUNICIPALITY: Final = "gospulse-municipality"
SPIKES: Final = "gospulse-spikes"

#: Filters that every board has, so that a link can hand them on.
SHARED: Final = ("channel", "kind", "topic")

#: What a bar leads to: the panel with the public posts behind it.
POSTS: Final = "Записи и сообщения под ними"


def to_board(title: str, uid: str) -> dict[str, Any]:
    """A link in the head of a board: keeps time and variables."""
    return {
        "type": "link",
        "title": title,
        "url": f"/d/{uid}",
        "icon": "dashboard",
        "tooltip": "",
        "tags": [],
        "asDropdown": False,
        "keepTime": True,
        "includeVars": True,
        "targetBlank": False,
    }


def drill(
    title: str, uid: str, keep: tuple[str, ...] = SHARED, *, view: int | None = None, **set_: str
) -> dict[str, Any]:
    """A link of a value: sets variables from fields of the same row, keeps the time and the variables ``keep``.

    ``set_`` maps a variable to the name of the field that holds its value; ``view`` opens one panel alone.
    """
    fields = [f'var-{name}=${{__data.fields["{field}"]}}' for name, field in set_.items()]
    kept = [f"${{{name}:queryparam}}" for name in keep]
    only = [] if view is None else [f"viewPanel={view}"]
    return {"title": title, "url": f"/d/{uid}?" + "&".join([*fields, *kept, *only, "${__url_time_range}"])}


def outside(title: str, field: str) -> dict[str, Any]:
    """A link to an address that stands in a field, in a new tab."""
    return {"title": title, "url": f'${{__data.fields["{field}"]}}', "targetBlank": True}
