-- The share through public pages by local day: of the sources of each figure the one that stands by the register of
-- precedence. Recomputed by the refresher when facts or totals of a day changed, and all days when the register did.
CREATE TABLE IF NOT EXISTS gospulse_data.share_day_g{generation} {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    zone LowCardinality(String) COMMENT 'Time zone of the place',
    region LowCardinality(String) COMMENT 'Code of the region that the place lies in; empty for places from elsewhere and unknown ones',
    place LowCardinality(String) COMMENT 'Municipality, or the region as a whole',
    version UInt64 COMMENT 'Heads of the hours that it was computed from, added up, and the time of the register of precedence (ms UTC): the highest stands, and a day''s rows below its head are not read',
    numerator UInt64 COMMENT 'Appeals through public pages',
    numerator_source LowCardinality(String) COMMENT 'Source that stands: facts, or the feed of a total; empty where none reported',
    numerator_rank UInt8 COMMENT 'Rank of that source; 0 where none reported',
    social_other UInt64 COMMENT 'Other appeals in social networks',
    social_other_source LowCardinality(String) COMMENT 'Source that stands: facts, or the feed of a total; empty where none reported',
    social_other_rank UInt8 COMMENT 'Rank of that source; 0 where none reported',
    sources UInt64 COMMENT 'The most sources that reported one of the two figures',
    observed_at DateTime64(3, 'UTC') COMMENT 'Latest observation among the totals that stand (UTC); 1970 where facts stand'
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYYYYMM(day)
ORDER BY (region, place, day)
{ttl_share_day}
SETTINGS min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'Both figures of the share by municipality and local day, from the sources that stand';

CREATE TABLE IF NOT EXISTS gospulse_data.share_region_day_g{generation} {on_cluster}
(
    day Date COMMENT 'Local day of the places',
    zone LowCardinality(String) COMMENT 'Time zone of the places',
    region LowCardinality(String) COMMENT 'Code of the region; empty for places from elsewhere and unknown ones',
    version UInt64 COMMENT 'As in share_day, under whose heads it stands',
    numerator UInt64 COMMENT 'Appeals through public pages',
    denominator UInt64 COMMENT 'All appeals in social networks',
    heard UInt64 COMMENT 'Places for which a source reported other appeals in social networks',
    municipalities_heard UInt64 COMMENT 'Of these, municipalities: a total of the region as a whole says nothing of them'
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYear(day)
ORDER BY (region, day, zone)
{ttl_share_region_day}
SETTINGS min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'By region, zone and local day: sums of share_day';
