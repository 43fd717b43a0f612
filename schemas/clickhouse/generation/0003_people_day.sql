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

-- Audience of larger areas and of months: unions of the sketches, by the refresher. A union is a join, so no row has a version.
CREATE TABLE IF NOT EXISTS gospulse_data.people_unions_g{generation} {on_cluster}
(
    period LowCardinality(String) COMMENT 'day or month',
    level LowCardinality(String) COMMENT 'place, region or country',
    area LowCardinality(String) COMMENT 'Municipality, or code of the region; empty for the country, and for regions of places from elsewhere and unknown ones',
    network LowCardinality(String) COMMENT 'Network of the pages',
    begin Date COMMENT 'The local day, or the first day of the month',
    people AggregateFunction(uniqCombined64, UInt64) COMMENT 'Distinct authors (first 64 bits of the keyed hash)'
)
ENGINE = {AggregatingMergeTree}
PARTITION BY toYear(begin)
ORDER BY (period, level, area, network, begin)
{ttl_people_unions}
COMMENT 'Distinct active accounts by place, region and country, by network, local day and month, as sketches';
