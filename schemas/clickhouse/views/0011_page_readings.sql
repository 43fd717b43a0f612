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
    day Nullable(Date) COMMENT 'Local day of a period of one day or less: the date of its middle in the zone of the place; NULL for longer periods',
    value UInt64 COMMENT 'The value',
    observed_at DateTime64(3, 'UTC') COMMENT 'When it was true for its reporter (UTC)',
    source String COMMENT 'Feed that brought it',
    sources UInt64 COMMENT 'How many feeds reported it; the one of the lowest rank stands (view precedence), else the one that observed last',
    load Nullable(String) COMMENT 'Import run; NULL for live feeds'
)
AS
SELECT
    toString(metric) AS metric,
    object,
    tupleElement(standing, 'page') AS page,
    if(page IS NULL, NULL, splitByChar(':', ifNull(page, ''))[1]) AS network,
    tupleElement(standing, 'place') AS place,
    {region_of_place} AS region,
    period_from,
    period_to,
    {day_of_period} AS day,
    tupleElement(standing, 'value') AS value,
    tupleElement(standing, 'observed_at') AS observed_at,
    toString(r.feed) AS source,
    r.feeds AS sources,
    tupleElement(standing, 'load') AS load
FROM
(
    SELECT
        metric,
        object,
        period_from,
        period_to,
        argMin(reading, (rank, -toUnixTimestamp64Milli(tupleElement(reading, 'known_at')), source)) AS standing,
        argMin(source, (rank, -toUnixTimestamp64Milli(tupleElement(reading, 'known_at')), source)) AS feed,
        count() AS feeds
    FROM
    (
        SELECT
            metric,
            object,
            period_from,
            period_to,
            source,
            max(latest) AS reading,
            tupleElement(reading, 'place') AS place,
            {precedence_of_levels} AS rank
        FROM gospulse_data.readings_g{generation}
        WHERE metric NOT IN ('appeals', 'source_up')
        GROUP BY metric, object, period_from, period_to, source
    )
    WHERE rank > 0
    GROUP BY metric, object, period_from, period_to
) AS r
SETTINGS optimize_functions_to_subcolumns = 0
COMMENT 'Levels that platforms report about pages and posts: of each period the latest observation of the source that stands. Reach and subscribers are not additive: one person follows several pages. Generation {generation}.';
