-- Readings: levels that somebody reports, and totals counted elsewhere. Of each source the latest observation stands;
-- which source stands is decided in the views, by the register of precedence.
CREATE TABLE IF NOT EXISTS gospulse_data.readings_g{generation} {on_cluster}
(
    metric LowCardinality(String) COMMENT 'What was measured',
    object String COMMENT 'A page, a post, or a total''s own key',
    period_from DateTime64(3, 'UTC') COMMENT 'Start of the period (UTC), inclusive',
    period_to DateTime64(3, 'UTC') COMMENT 'End of the period (UTC), exclusive',
    source LowCardinality(String) COMMENT 'Feed that brought it',
    latest SimpleAggregateFunction(max, Tuple(known_at DateTime64(3, 'UTC'), log UInt16, part UInt16, off UInt64, observed_at DateTime64(3, 'UTC'), complete_at Nullable(DateTime64(3, 'UTC')), value UInt64, appended DateTime64(3, 'UTC'), id String, page Nullable(String), place String, channel Nullable(String), entrance Nullable(String), topic Nullable(String), load Nullable(String))) COMMENT 'The latest observation: when it was known (complete_at, else observed_at), its position in the log, what it says'
)
ENGINE = {AggregatingMergeTree}
PARTITION BY toYYYYMM(period_from)
ORDER BY (metric, object, period_from, period_to, source)
{ttl_readings}
COMMENT 'Reported levels and totals counted elsewhere';

-- The latest level of each page, whatever its period: a maximum is a join, so that this may be a materialized view.
CREATE TABLE IF NOT EXISTS gospulse_data.page_levels_g{generation} {on_cluster}
(
    metric LowCardinality(String) COMMENT 'What was measured',
    page String COMMENT 'Public id of the page',
    source LowCardinality(String) COMMENT 'Feed that brought it',
    latest SimpleAggregateFunction(max, Tuple(period_to DateTime64(3, 'UTC'), known_at DateTime64(3, 'UTC'), log UInt16, part UInt16, off UInt64, period_from DateTime64(3, 'UTC'), observed_at DateTime64(3, 'UTC'), value UInt64, place String)) COMMENT 'The observation of the latest period'
)
ENGINE = {AggregatingMergeTree}
ORDER BY (metric, page, source)
COMMENT 'Latest level of each page by source';

CREATE MATERIALIZED VIEW IF NOT EXISTS gospulse_data.page_levels_from_readings_g{generation} {on_cluster}
TO gospulse_data.page_levels_g{generation}
AS
SELECT
    metric,
    assumeNotNull(tupleElement(r.latest, 'page')) AS page,
    source,
    max((period_to, tupleElement(r.latest, 'known_at'), tupleElement(r.latest, 'log'), tupleElement(r.latest, 'part'), tupleElement(r.latest, 'off'), period_from, tupleElement(r.latest, 'observed_at'), tupleElement(r.latest, 'value'), tupleElement(r.latest, 'place'))) AS latest
FROM gospulse_data.readings_g{generation} AS r
WHERE tupleElement(r.latest, 'page') IS NOT NULL AND object = assumeNotNull(tupleElement(r.latest, 'page'))
GROUP BY metric, page, source
COMMENT 'Fills page_levels';
