-- Audience: sketches of distinct active accounts; the union of identical sets changes nothing.
CREATE TABLE IF NOT EXISTS gospulse_data.people_day_g{generation} {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    place LowCardinality(String) COMMENT 'Municipality as stamped',
    page String COMMENT 'Public id of the page; empty where an event has none',
    people AggregateFunction(uniqCombined64, UInt64) COMMENT 'Distinct authors (first 64 bits of the keyed hash)'
)
ENGINE = {AggregatingMergeTree}
PARTITION BY toYYYYMM(day)
ORDER BY (day, place, page)
{ttl_people_day}
COMMENT 'Distinct active accounts by page and local day, as sketches';
