-- Levels that platforms report about pages and posts.
CREATE OR REPLACE VIEW gospulse.page_readings {on_cluster}
(
    metric String COMMENT 'subscribers, reach, reach_subscribers, views, visitors, post_views, post_reach, post_likes, post_reactions, post_comments or post_reposts',
    object String COMMENT 'What was measured: a page or a post',
    page Nullable(String) COMMENT 'Public id of the page (vk:123); NULL where it came otherwise',
    network Nullable(String) COMMENT 'Network of the page: vk, ok, tg or max; NULL where there is no page',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    period_from DateTime64(3, 'UTC') COMMENT 'Start of the period (UTC), inclusive',
    period_to DateTime64(3, 'UTC') COMMENT 'End of the period (UTC), exclusive',
    day Nullable(Date) COMMENT 'Local day of a period of one day or less: the date of its middle, which is the same in UTC as in every zone from UTC-11 to UTC+12; NULL for longer periods',
    value UInt64 COMMENT 'The value',
    observed_at DateTime64(3, 'UTC') COMMENT 'When it was true for its reporter (UTC)',
    source String COMMENT 'Feed that brought it',
    load Nullable(String) COMMENT 'Import run; NULL for live feeds'
)
AS
SELECT
    toString(metric) AS metric,
    object,
    tupleElement(latest, 'page') AS page,
    if(page IS NULL, NULL, splitByChar(':', ifNull(page, ''))[1]) AS network,
    tupleElement(latest, 'place') AS place,
    {region_of_place} AS region,
    period_from,
    period_to,
    if(dateDiff('hour', period_from, period_to) <= 25, toDate(period_from + toIntervalSecond(intDiv(dateDiff('second', period_from, period_to), 2)), 'UTC'), NULL) AS day,
    tupleElement(latest, 'value') AS value,
    tupleElement(latest, 'observed_at') AS observed_at,
    tupleElement(latest, 'source') AS source,
    tupleElement(latest, 'load') AS load
FROM gospulse_data.readings_g{generation} FINAL
WHERE metric NOT IN ('appeals', 'source_up')
SETTINGS optimize_functions_to_subcolumns = 0
COMMENT 'Levels that platforms report about pages and posts: the latest observation of each period. Reach and subscribers are not additive: one person follows several pages. Generation {generation}.';
