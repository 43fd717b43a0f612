"""Write the boards and alert rules as JSON: ``python -m dashboards.generate``. A test compares the committed files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dashboards.alerts.rules import provisioning
from dashboards.boards import BOARDS

#: Where the committed files stand; Grafana's container and the preview read them from here.
FOLDER: Final = Path(__file__).parent / "json"
#: The alert rules for a Grafana that is provisioned by files.
ALERTS: Final = Path(__file__).parents[1] / "deploy" / "grafana" / "provisioning" / "alerting" / "gospulse.json"


def files() -> dict[str, str]:
    """What the folder must hold: text by name of the file."""
    return {f"{board.uid}.json": board.text() for board in BOARDS}


def committed_boards() -> dict[str, Mapping[str, Any]]:
    """The boards of the committed files by uid, in their order."""
    return {board.uid: json.loads((FOLDER / f"{board.uid}.json").read_text(encoding="utf-8")) for board in BOARDS}


def alerts_text() -> str:
    """What the file of the alert rules must hold."""
    return json.dumps(provisioning(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    ALERTS.parent.mkdir(parents=True, exist_ok=True)
    ALERTS.write_text(alerts_text(), encoding="utf-8")
