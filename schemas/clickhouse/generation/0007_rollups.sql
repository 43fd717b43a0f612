-- Roll-ups: recomputed by the refresher for touched hours and days, and replaced as a whole.
-- A period's head is written after its rows; rows below the head belong to an older computation and are not read.
-- FINAL costs nothing where a month is one part: the engine merges a month that had no insert for ten minutes.
CREATE TABLE IF NOT EXISTS gospulse_data.place_hour_g{generation} {on_cluster}
(
    hour DateTime('UTC') COMMENT 'Hour in which it happened (UTC)',
    place LowCardinality(String) COMMENT 'Municipality as stamped',
    version UInt64 COMMENT 'Sum of the marks that it was computed from: the highest stands, and a period''s rows below its head are not read',
    {rollup_columns}
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, place)
{ttl_place_hour}
SETTINGS min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'By municipality and hour: appeals and answers from facts, engagement from the counters';

CREATE TABLE IF NOT EXISTS gospulse_data.region_hour_g{generation} {on_cluster}
(
    hour DateTime('UTC') COMMENT 'Hour in which it happened (UTC)',
    region LowCardinality(String) COMMENT 'Code of the region; empty for places from elsewhere and unknown ones',
    version UInt64 COMMENT 'Sum of the marks that it was computed from: the highest stands, and a period''s rows below its head are not read',
    {rollup_columns}
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, region)
{ttl_region_hour}
SETTINGS min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'By region and hour: sums of place_hour, under its heads';

CREATE TABLE IF NOT EXISTS gospulse_data.place_5min_g{generation} {on_cluster}
(
    time DateTime('UTC') COMMENT 'Start of the five minutes (UTC)',
    place LowCardinality(String) COMMENT 'Municipality as stamped',
    version UInt64 COMMENT 'Sum of the marks that it was computed from: the highest stands, and an hour''s rows below its head are not read',
    appeals UInt64 COMMENT 'Appeals received, withdrawn ones included'
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYYYYMM(time)
ORDER BY (time, place)
{ttl_place_5min}
SETTINGS min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'Appeals by municipality and five minutes, under the heads of place_hour';

CREATE TABLE IF NOT EXISTS gospulse_data.place_day_g{generation} {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    zone LowCardinality(String) COMMENT 'Time zone in which the day was cut',
    place LowCardinality(String) COMMENT 'Municipality as stamped',
    version UInt64 COMMENT 'Sum of the marks that it was computed from: the highest stands, and a period''s rows below its head are not read',
    {rollup_columns}
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYYYYMM(day)
ORDER BY (day, place)
{ttl_place_day}
SETTINGS min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'By municipality and local day: sums of place_hour';

CREATE TABLE IF NOT EXISTS gospulse_data.page_day_g{generation} {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    zone LowCardinality(String) COMMENT 'Time zone in which the day was cut',
    region LowCardinality(String) COMMENT 'Code of the region that the place lies in; empty for places from elsewhere and unknown ones',
    place LowCardinality(String) COMMENT 'Municipality as stamped',
    page String COMMENT 'Public id of the page; empty where an event has none',
    version UInt64 COMMENT 'Sum of the marks that it was computed from: the highest stands, and a period''s rows below its head are not read',
    {rollup_columns}
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYYYYMM(day)
ORDER BY (region, place, page, day)
{ttl_page_day}
SETTINGS min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'By page and local day: appeals and answers from facts, engagement from the counters';

CREATE TABLE IF NOT EXISTS gospulse_data.network_day_g{generation} {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    zone LowCardinality(String) COMMENT 'Time zone in which the day was cut',
    place LowCardinality(String) COMMENT 'Municipality as stamped',
    network LowCardinality(String) COMMENT 'Network of the pages; empty where an event has no page',
    version UInt64 COMMENT 'Sum of the marks that it was computed from: the highest stands, and a period''s rows below its head are not read',
    pages UInt64 COMMENT 'Pages with at least one event',
    {rollup_columns}
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYYYYMM(day)
ORDER BY (day, place, network)
{ttl_network_day}
SETTINGS min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'By municipality, network and local day: sums of page_day, under its heads';

CREATE TABLE IF NOT EXISTS gospulse_data.coverage_day_g{generation} {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    zone LowCardinality(String) COMMENT 'Time zone in which the day was cut',
    place LowCardinality(String) COMMENT 'Municipality',
    version UInt64 COMMENT 'Version of page_day that it was computed from; rows below the head of page_day are not read',
    computed UInt64 COMMENT 'version, and the time of the register of pages (ms UTC) added: the highest stands',
    pages_registered UInt64 COMMENT 'Pages of the register that were in force that day',
    pages_heard UInt64 COMMENT 'Pages with at least one event that day, registered or not',
    registered_heard UInt64 COMMENT 'Registered pages with at least one event that day'
)
ENGINE = {ReplacingMergeTree}(computed)
PARTITION BY toYYYYMM(day)
ORDER BY (day, place)
{ttl_coverage_day}
SETTINGS min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'Registered pages that were heard, by municipality and local day; computed with page_day, and again when the register changes';

-- Pages that occurred. A minimum and a maximum are joins, so that this one may be a materialized view.
CREATE TABLE IF NOT EXISTS gospulse_data.page_spans_g{generation} {on_cluster}
(
    page String COMMENT 'Public id of the page',
    first_day SimpleAggregateFunction(min, Date) COMMENT 'First local day with an event',
    last SimpleAggregateFunction(max, Tuple(day Date, place String)) COMMENT 'Last local day with an event, and where the page belonged then',
    last_post_day SimpleAggregateFunction(max, Date) COMMENT 'Last local day with a post; 1970-01-01 never'
)
ENGINE = {AggregatingMergeTree}
ORDER BY page
COMMENT 'First and last day of each page that occurred';

CREATE MATERIALIZED VIEW IF NOT EXISTS gospulse_data.page_spans_from_page_day_g{generation} {on_cluster}
TO gospulse_data.page_spans_g{generation}
AS
SELECT page, min(day) AS first_day, max((day, toString(place))) AS last, maxIf(day, post_published > 0) AS last_post_day
FROM gospulse_data.page_day_g{generation}
WHERE page != ''
GROUP BY page
COMMENT 'Fills page_spans';

CREATE TABLE IF NOT EXISTS gospulse_data.refreshed_g{generation} {on_cluster}
(
    rollup LowCardinality(String) COMMENT 'place_hour, place_day, page_day; coverage_day and share_day, whose versions have the time of a register added',
    zone LowCardinality(String) COMMENT 'Time zone of the day; UTC for hours',
    period DateTime('UTC') COMMENT 'The hour, or midnight of the local day''s date',
    version SimpleAggregateFunction(max, UInt64) COMMENT 'Head: the highest version whose rows are all written',
    at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) DEFAULT now64(3) COMMENT 'When it was computed last (UTC)'
)
ENGINE = {AggregatingMergeTree}
ORDER BY (rollup, zone, period)
COMMENT 'Which hours and days the refresher has recomputed, and from which marks';

CREATE TABLE IF NOT EXISTS gospulse_data.place_zones_g{generation} {on_cluster}
(
    place String COMMENT 'A place that occurred',
    zone String COMMENT 'IANA time zone in which its days are cut: the same in the whole generation'
)
ENGINE = {ReplacingMergeTree}
ORDER BY place
COMMENT 'Time zones of the places that occurred, written by the refresher';

CREATE TABLE IF NOT EXISTS gospulse_data.totals_g{generation} {on_cluster}
(
    period_from DateTime64(3, 'UTC') COMMENT 'Start of the period (UTC), inclusive',
    period_to DateTime64(3, 'UTC') COMMENT 'End of the period (UTC), exclusive',
    day Date COMMENT 'Local day of the place; 1970-01-01 where the period is longer',
    place LowCardinality(String) COMMENT 'Municipality, or the region as a whole',
    entrance LowCardinality(String) COMMENT 'Through which door they came',
    source LowCardinality(String) COMMENT 'Feed that counted them',
    version UInt64 COMMENT 'Sum of the marks of the hour in which the period begins: the highest stands, and rows below the head of that hour are not read',
    appeals UInt64 COMMENT 'Appeals, over all channels and topics',
    observed_at DateTime64(3, 'UTC') COMMENT 'Latest observation among them (UTC)'
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYYYYMM(period_from)
ORDER BY (day, period_from, period_to, place, entrance, source)
{ttl_totals}
SETTINGS min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'Totals that other systems counted, by source, place and entrance: what a later file took away is left out';
