-- Share of appeals through public pages by region and local day.
CREATE OR REPLACE VIEW gospulse.share_region_day {on_cluster}
(
    day Date COMMENT 'Local day of the places',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    numerator UInt64 COMMENT 'Appeals through public pages, as the sources that stand counted them',
    denominator UInt64 COMMENT 'All appeals in social networks, as the sources that stand counted them',
    others_heard Bool COMMENT 'Whether the denominator is known: a source that stands for social_other reported of the region or of one of its municipalities',
    share Nullable(Float64) COMMENT 'numerator / denominator; NULL where the denominator is 0 or not known',
    complete_until Nullable(DateTime64(3, 'UTC')) COMMENT 'Every event that the broker had taken by then is in the figures (UTC): the least over the partitions of events; NULL before the first'
)
AS
SELECT
    s.day AS day,
    nullIf(toString(s.region), '') AS region,
    sum(s.numerator) AS numerator,
    sum(s.denominator) AS denominator,
    toBool(sum(s.heard) > 0) AS others_heard,
    if(others_heard AND denominator > 0, numerator / denominator, NULL) AS share,
    (SELECT if(countIf(complete_until IS NULL) = 0, min(complete_until), NULL) FROM gospulse.freshness WHERE topic = 'events') AS complete_until
FROM {share_of_regions} AS s
GROUP BY s.day, s.region
SETTINGS join_use_nulls = 0
COMMENT 'Share of appeals through public pages by region and local day, by the rules of share_day. NULL where the denominator is silent. Generation {generation}.';
