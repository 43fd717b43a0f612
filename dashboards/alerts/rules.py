"""Alert rules for spikes: one a level, one for a dead detector, one for a detector that is not calibrated.

A rule's query gives a table of one number and texts. Grafana makes one alert instance of each row, with the texts as
its labels. So labels are codes, names and links, which an episode keeps; what changes stands on the board.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from dashboards.builders.links import SPIKES
from dashboards.builders.targets import DATASOURCE, DATASOURCE_UID, PLUGIN_VERSION

GROUP: Final = "gospulse-spikes"
FOLDER_TITLE: Final = "ГосПульс"
INTERVAL_S: Final = 60
#: Managed Grafana takes 500 rows of a rule at most.
MOST_ROWS: Final = 490
#: A closed episode stays in the answer with the value 0, so that its alert resolves before its row is gone.
KEPT_MINUTES: Final = 30
#: Grafana removes an instance whose row is missing for so many evaluations.
MISSING_EVALUATIONS: Final = 2


class Rule(Struct, frozen=True, kw_only=True):
    """A rule that fires for each row of ``sql`` whose number is above 0.5."""

    uid: str
    title: str
    sql: str
    panel: int
    severity: str
    summary: str
    description: str
    #: How long the condition must hold before anybody is told.
    wait: str = "0s"
    #: What no row means: for spikes all is well, for the detector's health it is dead.
    no_data: str = "OK"

    def data(self) -> list[dict[str, Any]]:
        """The query and the condition, as both forms of a rule hold them."""
        query = {
            "refId": "A",
            "datasource": DATASOURCE,
            "editorType": "sql",
            "queryType": "table",
            "format": 1,
            "intervalMs": 60_000,
            "maxDataPoints": 1000,
            "pluginVersion": PLUGIN_VERSION,
            "rawSql": self.sql.strip() + "\n",
        }
        expression = {"type": "__expr__", "uid": "__expr__"}
        threshold = {
            "refId": "C",
            "type": "threshold",
            "datasource": expression,
            "expression": "A",
            "conditions": [{"evaluator": {"type": "gt", "params": [0.5]}}],
        }
        span = {"from": 600, "to": 0}
        return [
            {"refId": "A", "relativeTimeRange": span, "datasourceUid": DATASOURCE_UID, "model": query},
            {"refId": "C", "relativeTimeRange": {"from": 0, "to": 0}, "datasourceUid": "__expr__", "model": threshold},
        ]

    def _common(self) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "title": self.title,
            "condition": "C",
            "data": self.data(),
            "for": self.wait,
            "noDataState": self.no_data,
            "execErrState": "Error",
            # Grafana takes board and panel from the annotations, also in a file that has fields for them.
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "__dashboardUid__": SPIKES,
                "__panelId__": str(self.panel),
            },
            "labels": {"severity": self.severity, "domain": "gospulse"},
            "isPaused": False,
        }

    def file(self) -> dict[str, Any]:
        """The rule in the form of a provisioning file."""
        return self._common() | {
            "missing_series_evals_to_resolve": MISSING_EVALUATIONS,
        }

    def api(self, folder_uid: str) -> dict[str, Any]:
        """The rule in the form of the provisioning API."""
        return self._common() | {
            "folderUID": folder_uid,
            "ruleGroup": GROUP,
            "orgID": 1,
            "missingSeriesEvalsToResolve": MISSING_EVALUATIONS,
        }


def _spikes(levels: str) -> str:
    return f"""
SELECT series AS code, coalesce(name, series) AS territory, id AS spike,
  coalesce(accept_link, '') AS accept, coalesce(dismiss_link, '') AS dismiss, coalesce(hand_over_link, '') AS hand_over,
  toFloat64(state = 'open') AS is_open
FROM gospulse.spikes
WHERE level IN ({levels}) AND push
  AND (state = 'open' OR closed_at > now() - INTERVAL {KEPT_MINUTES} MINUTE)
  AND coalesce(decision, '') != 'dismiss'
ORDER BY state = 'closed', best_alarms
LIMIT {MOST_ROWS}
"""


_WHAT: Final = (
    "Сообщений необычно много. Сколько, из-за чего и на каких страницах: доска «Всплески», "
    "/d/gospulse-spikes?var-spike={{ $labels.code }}. Что делать: прочтите причину и решите. "
    "{{ if $labels.accept }}Принять в работу: {{ $labels.accept }} Отклонить как ложный: {{ $labels.dismiss }} "
    "Передать другому: {{ $labels.hand_over }} Каждая ссылка действует сутки и один раз. "
    "{{ else }}Команда: gospulse spikes accept {{ $labels.spike }} --why ПРИЧИНА.{{ end }}"
)

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        uid="gospulse-spike-place",
        title="Всплеск сообщений: муниципалитет",
        sql=_spikes("'municipality'"),
        panel=6,
        severity="warning",
        summary="Всплеск сообщений: {{ $labels.territory }}",
        description=_WHAT,
    ),
    Rule(
        uid="gospulse-spike-region",
        title="Всплеск сообщений: регион",
        sql=_spikes("'region'"),
        panel=6,
        severity="warning",
        summary="Всплеск сообщений по региону: {{ $labels.territory }}",
        description=_WHAT,
    ),
    Rule(
        uid="gospulse-spike-country",
        title="Всплеск сообщений: страна или округ",
        sql=_spikes("'district', 'country'"),
        panel=6,
        severity="critical",
        summary="Всплеск сообщений: {{ $labels.territory }}",
        description=_WHAT,
    ),
    Rule(
        uid="gospulse-spike-dead",
        title="Детектор всплесков молчит",
        sql="SELECT 'detector' AS part, toFloat64(NOT alive) AS dead FROM gospulse.spike_health",
        panel=5,
        severity="critical",
        summary="Детектор всплесков не проверял счётчики больше 15 минут",
        description="Пока детектор стоит, тревог не будет. Что делать: gospulse status, gospulse logs detector, "
        "gospulse up.",
        wait="5m",
        no_data="Alerting",
    ),
    Rule(
        uid="gospulse-spike-calibration",
        title="Детектор всплесков не откалиброван",
        sql="SELECT 'detector' AS part, toFloat64(coalesce(NOT calibrated, false)) AS off FROM gospulse.spike_health",
        panel=4,
        severity="info",
        summary="Редкие отклонения случаются не так часто, как обещает детектор",
        description="Отношение вне пределов от 0,2 до 2,5. Что делать: проверьте источники и покрытие; если они в "
        "порядке, тревогам этой недели верьте с оглядкой.",
        wait="6h",
    ),
)


def provisioning() -> dict[str, Any]:
    """The file for ``/etc/grafana/provisioning/alerting``. Grafana leaves annotations and queries as they are."""
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": GROUP,
                "folder": FOLDER_TITLE,
                "interval": f"{INTERVAL_S}s",
                "rules": [rule.file() for rule in RULES],
            }
        ],
    }


def group(folder_uid: str) -> dict[str, Any]:
    """The body of ``PUT /api/v1/provisioning/folder/<uid>/rule-groups/<name>``."""
    return {
        "title": GROUP,
        "folderUid": folder_uid,
        "interval": INTERVAL_S,
        "rules": [rule.api(folder_uid) for rule in RULES],
    }
