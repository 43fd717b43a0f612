-- Share of appeals through public pages by region and month.
CREATE OR REPLACE VIEW gospulse.share_region_month {on_cluster}
(
    month Date COMMENT 'First day of the calendar month, local to the places',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    numerator UInt64 COMMENT 'Appeals through public pages, on the days whose denominator is known, or of the month where a total of a month is part of the denominator',
    denominator UInt64 COMMENT 'All appeals in social networks',
    numerator_elsewhere UInt64 COMMENT 'Appeals through public pages on the other days: they are in no share',
    others_heard Bool COMMENT 'Whether the denominator is known: a source that stands for social_other reported of the region or of one of its municipalities',
    share Nullable(Float64) COMMENT 'numerator / denominator; NULL where the denominator is 0 or not known',
    complete_until Nullable(DateTime64(3, 'UTC')) COMMENT 'Every event that the broker had taken by then is in the figures (UTC): the least over the partitions of events; NULL before the first'
)
AS
SELECT
    m.month AS month,
    nullIf(m.region, '') AS region,
    sumIf(m.tn, m.n_whole) + if(max(m.s_whole), sumIf(m.n, NOT m.n_whole), sumIf(m.n_of_region, NOT m.n_whole)) AS numerator,
    numerator + sum(if(m.s_whole, m.ts, m.s)) AS denominator,
    if(max(m.s_whole), 0, sumIf(m.n - m.n_of_region, NOT m.n_whole)) AS numerator_elsewhere,
    toBool(max(m.s_whole OR m.s_rank > 0)) AS others_heard,
    if(others_heard AND denominator > 0, numerator / denominator, NULL) AS share,
    (SELECT if(countIf(complete_until IS NULL) = 0, min(complete_until), NULL) FROM gospulse.freshness WHERE topic = 'events') AS complete_until
FROM {share_of_months} AS m
GROUP BY m.month, m.region
SETTINGS join_use_nulls = 0
COMMENT 'Share of appeals through public pages by region and calendar month, by the rules of share_month. For the country add up the regions with others_heard. Generation {generation}.';
