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
    toString(t.place) AS place,
    nullIf(toString(t.region), '') AS region,
    t.numerator AS numerator,
    nullIf(toString(t.numerator_source), '') AS numerator_source,
    t.social_other AS social_other,
    nullIf(toString(t.social_other_source), '') AS social_other_source,
    t.numerator + t.social_other AS denominator,
    toBool(t.social_other_rank > 0 OR (t.region != '' AND g.heard > 0)) AS others_heard,
    if(others_heard AND denominator > 0, numerator / denominator, NULL) AS share,
    t.sources AS sources,
    nullIf(t.observed_at, toDateTime64(0, 3, 'UTC')) AS observed_at,
    t.coverage AS coverage,
    (SELECT if(countIf(complete_until IS NULL) = 0, min(complete_until), NULL) FROM gospulse.freshness WHERE topic = 'events') AS complete_until
FROM
(
    -- A union and not a join, so that the conditions of a question reach both sides.
    SELECT
        day,
        region,
        place,
        max(numerator) AS numerator,
        max(numerator_source) AS numerator_source,
        max(social_other) AS social_other,
        max(social_other_source) AS social_other_source,
        max(social_other_rank) AS social_other_rank,
        max(sources) AS sources,
        max(observed_at) AS observed_at,
        max(coverage) AS coverage
    FROM
    (
        SELECT
            r.day AS day,
            r.region AS region,
            r.place AS place,
            r.numerator AS numerator,
            r.numerator_source AS numerator_source,
            r.social_other AS social_other,
            r.social_other_source AS social_other_source,
            r.social_other_rank AS social_other_rank,
            r.sources AS sources,
            r.observed_at AS observed_at,
            CAST(NULL, 'Nullable(Float64)') AS coverage
        FROM (SELECT * FROM gospulse_data.share_day_g{generation} FINAL) AS r
        -- Rows below the head of their period belong to an older computation.
        LEFT JOIN
        (
            SELECT toDate(period, 'UTC') AS day, zone, max(version) AS head
            FROM gospulse_data.refreshed_g{generation}
            WHERE rollup = 'share_day'
            GROUP BY zone, period
        ) AS h ON r.day = h.day AND r.zone = h.zone
        WHERE r.version >= h.head
        UNION ALL
        SELECT day, toLowCardinality(ifNull(region, '')), toLowCardinality(place), 0, '', 0, '', 0, 0, toDateTime64(0, 3, 'UTC'), coverage
        FROM gospulse.coverage
    )
    GROUP BY day, region, place
    -- Only the share counts sources.
    HAVING sources > 0
) AS t
LEFT JOIN
(
    SELECT day, region, sum(municipalities_heard) AS heard
    FROM {share_of_regions}
    GROUP BY day, region
) AS g ON t.day = g.day AND t.region = g.region
SETTINGS join_use_nulls = 0
COMMENT 'Share of appeals through public pages among all appeals in social networks, by municipality and local day. Of the sources of one figure one stands (view precedence): facts and totals are never added up. Appeals count as they were received, in the numerator as in the denominator: one that was withdrawn or removed later stays in both, since other systems count it, too. For larger areas take share_region_day and share_country_day, never the mean of shares. Generation {generation}.';
