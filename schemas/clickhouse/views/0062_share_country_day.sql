-- Share of appeals through public pages of the country by local day.
CREATE OR REPLACE VIEW gospulse.share_country_day {on_cluster}
(
    day Date COMMENT 'Local day of the places',
    numerator UInt64 COMMENT 'Appeals through public pages in the regions whose denominator is known',
    denominator UInt64 COMMENT 'All appeals in social networks in these regions',
    share Nullable(Float64) COMMENT 'numerator / denominator; NULL where the denominator is 0 or not known',
    regions_heard UInt64 COMMENT 'Regions whose denominator is known',
    regions UInt64 COMMENT 'Regions with any appeal in social networks that day',
    numerator_elsewhere UInt64 COMMENT 'Appeals through public pages in the other regions: they are in no share',
    complete_until Nullable(DateTime64(3, 'UTC')) COMMENT 'Every event that the broker had taken by then is in the figures (UTC): the least over the partitions of events; NULL before the first'
)
AS
SELECT
    s.day AS day,
    sumIf(s.numerator, s.others_heard) AS numerator,
    sumIf(s.denominator, s.others_heard) AS denominator,
    if(sumIf(s.denominator, s.others_heard) > 0, sumIf(s.numerator, s.others_heard) / sumIf(s.denominator, s.others_heard), NULL) AS share,
    countIf(s.others_heard) AS regions_heard,
    count() AS regions,
    sumIf(s.numerator, NOT s.others_heard) AS numerator_elsewhere,
    any(s.complete_until) AS complete_until
FROM gospulse.share_region_day AS s
WHERE s.region IS NOT NULL
GROUP BY s.day
COMMENT 'Share of appeals through public pages of the country by local day, over the regions whose denominator is known. Places from elsewhere are left out. Generation {generation}.';
