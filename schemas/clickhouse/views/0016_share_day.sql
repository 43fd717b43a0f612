-- Share of appeals through public pages among all appeals in social networks, by municipality and local day.
CREATE OR REPLACE VIEW gospulse.share_day {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    numerator UInt64 COMMENT 'Appeals through public pages, as the source that stands counted them',
    numerator_source Nullable(String) COMMENT 'That source: facts for appeals that arrive one by one, else the feed of the total; NULL where none reported',
    social_other UInt64 COMMENT 'Other appeals in social networks, as the source that stands counted them',
    social_other_source Nullable(String) COMMENT 'That source; NULL where none reported of this place. A total of 0 is a report',
    denominator UInt64 COMMENT 'numerator + social_other',
    others_heard Bool COMMENT 'Whether the denominator is known: a source that stands for social_other reported of this place, or of a municipality of its region, that day',
    share Nullable(Float64) COMMENT 'numerator / denominator; NULL where the denominator is 0 or not known',
    sources UInt64 COMMENT 'The most sources that reported one of the two figures: above 1 the view precedence decides',
    observed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Latest observation among the totals that stand (UTC); NULL where facts stand',
    coverage Nullable(Float64) COMMENT 'Share of the registered pages of the municipality that were heard that day; NULL where none is registered',
    complete_until Nullable(DateTime64(3, 'UTC')) COMMENT 'Every event that the broker had taken by then is in the figures (UTC): the least over the partitions of events; NULL before the first'
)
AS
SELECT
    t.day AS day,
    t.place AS place,
    t.region AS region,
    tupleElement(t.of_pages, 1) AS numerator,
    nullIf(tupleElement(t.of_pages, 2), '') AS numerator_source,
    tupleElement(t.of_others, 1) AS social_other,
    nullIf(tupleElement(t.of_others, 2), '') AS social_other_source,
    numerator + social_other AS denominator,
    toBool(ifNull(g.heard, false) OR social_other_source IS NOT NULL) AS others_heard,
    if(others_heard AND denominator > 0, numerator / denominator, NULL) AS share,
    t.most AS sources,
    nullIf(greatest(ifNull(tupleElement(t.of_pages, 3), toDateTime64(0, 3, 'UTC')), ifNull(tupleElement(t.of_others, 3), toDateTime64(0, 3, 'UTC'))), toDateTime64(0, 3, 'UTC')) AS observed_at,
    c.coverage AS coverage,
    (SELECT if(countIf(complete_until IS NULL) = 0, min(complete_until), NULL) FROM gospulse.freshness WHERE topic = 'events') AS complete_until
FROM
(
    SELECT
        day,
        place,
        {region_of_place} AS region,
        anyIf(standing, entrance = 'public_page') AS of_pages,
        anyIf(standing, entrance = 'social_other') AS of_others,
        max(feeds) AS most
    FROM
    (
        SELECT
            day,
            place,
            entrance,
            argMin((value, source, if(source = 'facts', NULL, toNullable(observed))), (rank, -toUnixTimestamp64Milli(observed), source)) AS standing,
            count() AS feeds
        FROM ({reported_for_share})
        WHERE rank > 0
        GROUP BY day, place, entrance
    )
    GROUP BY day, place
) AS t
LEFT JOIN
(
    -- A total of the region as a whole says nothing of its municipalities.
    SELECT day, {region_of_place} AS region, max(place != ifNull(region, '')) AS heard
    FROM ({reported_for_share})
    WHERE rank > 0 AND entrance = 'social_other'
    GROUP BY day, region
) AS g ON t.day = g.day AND t.region = g.region
LEFT JOIN gospulse.coverage AS c ON t.day = c.day AND t.place = c.place
SETTINGS join_use_nulls = 1
COMMENT 'Share of appeals through public pages among all appeals in social networks, by municipality and local day. Of the sources of one figure one stands (view precedence): facts and totals are never added up. Appeals count as they were received, in the numerator as in the denominator: one that was withdrawn or removed later stays in both, since other systems count it, too. For larger areas take share_region_day and share_country_day, never the mean of shares. Generation {generation}.';
