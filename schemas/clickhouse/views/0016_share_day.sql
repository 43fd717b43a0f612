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
    tupleElement(t.figures, 1) AS place,
    if(t.in_country, t.area, NULL) AS region,
    tupleElement(tupleElement(t.figures, 2), 1) AS numerator,
    nullIf(tupleElement(tupleElement(t.figures, 2), 2), '') AS numerator_source,
    tupleElement(tupleElement(t.figures, 3), 1) AS social_other,
    nullIf(tupleElement(tupleElement(t.figures, 3), 2), '') AS social_other_source,
    numerator + social_other AS denominator,
    toBool(t.heard OR social_other_source IS NOT NULL) AS others_heard,
    if(others_heard AND denominator > 0, numerator / denominator, NULL) AS share,
    tupleElement(t.figures, 4) AS sources,
    nullIf(greatest(ifNull(tupleElement(tupleElement(t.figures, 2), 3), toDateTime64(0, 3, 'UTC')), ifNull(tupleElement(tupleElement(t.figures, 3), 3), toDateTime64(0, 3, 'UTC'))), toDateTime64(0, 3, 'UTC')) AS observed_at,
    c.coverage AS coverage,
    (SELECT if(countIf(complete_until IS NULL) = 0, min(complete_until), NULL) FROM gospulse.freshness WHERE topic = 'events') AS complete_until
FROM
(
    SELECT
        day,
        ifNull(region, splitByChar(':', place)[1]) AS area,
        any(region IS NOT NULL) AS in_country,
        -- A total of the region as a whole says nothing of its municipalities.
        countIf(tupleElement(of_others, 2) != '' AND place != ifNull(region, '')) > 0 AS heard,
        arrayJoin(groupArray((place, of_pages, of_others, most))) AS figures
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
            FROM
            (
                SELECT day, place, entrance, source, value, observed, {precedence_of_appeals} AS rank
                FROM
                (
                    SELECT
                        day,
                        place,
                        tupleElement(entry, 1) AS entrance,
                        'facts' AS source,
                        tupleElement(entry, 2) AS value,
                        toDateTime64(0, 3, 'UTC') AS observed
                    FROM gospulse.place_day
                    ARRAY JOIN [('public_page', appeals_public_page), ('social_other', appeals_social_other)] AS entry
                    WHERE value > 0
                    UNION ALL
                    SELECT r.day AS day, toString(r.place), toString(r.entrance), toString(r.source), r.appeals, r.observed_at
                    FROM (SELECT * FROM gospulse_data.totals_g{generation} FINAL) AS r
                    LEFT JOIN
                    (
                        SELECT period, max(version) AS head
                        FROM gospulse_data.refreshed_g{generation}
                        WHERE rollup = 'place_hour'
                        GROUP BY period
                    ) AS h ON toStartOfHour(r.period_from) = h.period
                    WHERE r.version >= h.head AND r.day > toDate(0) AND r.entrance IN ('public_page', 'social_other')
                )
            )
            WHERE rank > 0
            GROUP BY day, place, entrance
        )
        GROUP BY day, place
    )
    GROUP BY day, area
) AS t
LEFT JOIN gospulse.coverage AS c ON t.day = c.day AND tupleElement(t.figures, 1) = c.place
SETTINGS join_use_nulls = 1
COMMENT 'Share of appeals through public pages among all appeals in social networks, by municipality and local day. Of the sources of one figure one stands (view precedence): facts and totals are never added up. Appeals count as they were received, in the numerator as in the denominator: one that was withdrawn or removed later stays in both, since other systems count it, too. For larger areas take share_region_day and share_country_day, never the mean of shares. Generation {generation}.';
