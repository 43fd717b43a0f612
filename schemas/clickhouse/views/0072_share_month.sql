-- Share of appeals through public pages by municipality and month.
CREATE OR REPLACE VIEW gospulse.share_month {on_cluster}
(
    month Date COMMENT 'First day of the calendar month, local to the places',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    numerator UInt64 COMMENT 'Appeals through public pages: the total of the month that stands, else the sum of the days whose denominator is known',
    numerator_source Nullable(String) COMMENT 'Sources that stand; NULL where none reported',
    numerator_elsewhere UInt64 COMMENT 'Appeals through public pages on the other days: they are in no share',
    social_other UInt64 COMMENT 'Other appeals in social networks: the total of the month that stands, else the sum of the days',
    social_other_source Nullable(String) COMMENT 'Sources that stand; NULL where none reported of this place. A total of 0 is a report',
    denominator UInt64 COMMENT 'numerator + social_other',
    whole_month Bool COMMENT 'Whether social_other is a total of the whole month',
    others_heard Bool COMMENT 'Whether the denominator is known, of the month or of any day of it',
    share Nullable(Float64) COMMENT 'numerator / denominator; NULL where the denominator is 0 or not known',
    complete_until Nullable(DateTime64(3, 'UTC')) COMMENT 'Every event that the broker had taken by then is in the figures (UTC): the least over the partitions of events; NULL before the first'
)
AS
SELECT
    m.month AS month,
    m.place AS place,
    nullIf(m.region, '') AS region,
    multiIf(m.n_whole, m.tn, m.s_whole, m.n, m.n_of_place) AS numerator,
    nullIf(if(m.n_whole, m.tn_source, m.n_source), '') AS numerator_source,
    if(m.n_whole OR m.s_whole, 0, m.n - m.n_of_place) AS numerator_elsewhere,
    if(m.s_whole, m.ts, m.s) AS social_other,
    nullIf(if(m.s_whole, m.ts_source, m.s_source), '') AS social_other_source,
    numerator + social_other AS denominator,
    toBool(m.s_whole) AS whole_month,
    toBool(m.s_whole OR m.days_known) AS others_heard,
    if(others_heard AND denominator > 0, numerator / denominator, NULL) AS share,
    (SELECT if(countIf(complete_until IS NULL) = 0, min(complete_until), NULL) FROM gospulse.freshness WHERE topic = 'events') AS complete_until
FROM {share_of_months} AS m
SETTINGS join_use_nulls = 0
COMMENT 'Share of appeals through public pages by municipality and calendar month. Among the sources that reported the month, by days or as a whole, the lowest rank stands (view precedence); of equal ranks a total of the whole month stands before the days. The rules of the first day of the month decide. For larger areas take share_region_month. Generation {generation}.';
