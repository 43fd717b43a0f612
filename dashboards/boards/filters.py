"""The variables that the boards share."""

from __future__ import annotations

from typing import Final

from dashboards.builders.variables import Variable
from dashboards.queries import coverage
from dashboards.queries.filters import Filters

CHANNEL: Final = Variable(
    name="channel",
    label="Площадка",
    sql="""
SELECT DISTINCT channel AS value,
  transform(channel, ['vk', 'ok', 'tg', 'telegram', 'max', 'pos'],
    ['ВКонтакте', 'Одноклассники', 'Telegram', 'Telegram', 'MAX', 'Платформа обратной связи'], channel) AS text
FROM gospulse.appeals
WHERE received_at >= $__fromTime - toIntervalDay(60) AND received_at < $__toTime
ORDER BY text
LIMIT 100
""",
)

KIND: Final = Variable(
    name="kind",
    label="Вид учреждения",
    sql="""
SELECT kind AS value, name AS text
FROM gospulse.institution_kinds
ORDER BY name
LIMIT 100
""",
)

#: Regions and municipalities of which something was heard come first, so that a board opens with figures.
REGIONS: Final = """
SELECT region AS value, name AS text
FROM gospulse.regions
ORDER BY region IN (SELECT region FROM gospulse.places WHERE occurred) DESC, name
LIMIT 200
"""

REGION_MANY: Final = Variable(name="region", label="Регион", sql=REGIONS)
REGION_ONE: Final = Variable(name="region", label="Регион", sql=REGIONS, many=False)

_PLACES: Final = """
SELECT place AS value, coalesce(name, place) AS text
FROM gospulse.places
WHERE region IN (${region:singlequote})
ORDER BY occurred DESC, text
LIMIT 1000
"""

PLACE_MANY: Final = Variable(name="place", label="Муниципалитет", sql=_PLACES)
PLACE_ONE: Final = Variable(name="place", label="Муниципалитет", sql=_PLACES, many=False)

TOPIC: Final = Variable(
    name="topic",
    label="Тема",
    sql="""
SELECT t.topic AS value, if(t.parent IS NULL, t.name, concat(p.name, ': ', t.name)) AS text
FROM gospulse.topics AS t
LEFT JOIN gospulse.topics AS p ON t.parent = p.topic
ORDER BY text
LIMIT 500
""",
)


def covering(filters: Filters) -> Variable:
    """The hidden line that row headings carry: how many pages count, until when everything is complete."""
    return Variable(name="coverage", label="Учтено", sql=coverage.line(filters), many=False, hidden=True)
