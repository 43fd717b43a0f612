-- Share of appeals through public pages among all appeals in social networks, by municipality and local day.
CREATE OR REPLACE VIEW gospulse.share_day {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    public_page UInt64 COMMENT 'Appeals through public pages that arrived one by one (facts)',
    social_other UInt64 COMMENT 'Other appeals in social networks that arrived one by one (facts)',
    outside_public_page UInt64 COMMENT 'Appeals through public pages that other systems counted',
    outside_social_other UInt64 COMMENT 'Other appeals in social networks that other systems counted',
    numerator UInt64 COMMENT 'public_page + outside_public_page',
    denominator UInt64 COMMENT 'numerator + social_other + outside_social_other',
    share Nullable(Float64) COMMENT 'numerator / denominator; NULL where the denominator is 0',
    others_heard Bool COMMENT 'Whether anything but public pages was reported in this region that day; where not, the share is 1 for want of a denominator',
    coverage Nullable(Float64) COMMENT 'Share of the registered pages of the municipality that were heard that day; NULL where none is registered',
    outside_observed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Latest observation among the totals of other systems (UTC); NULL where there are none',
    complete_until Nullable(DateTime64(3, 'UTC')) COMMENT 'Every event that the broker had taken by then is in the figures (UTC): the least over the partitions of events; NULL before the first'
)
AS
SELECT
    t.day AS day,
    t.place AS place,
    t.area AS region,
    t.public_page AS public_page,
    t.social_other AS social_other,
    t.outside_public_page AS outside_public_page,
    t.outside_social_other AS outside_social_other,
    t.public_page + t.outside_public_page AS numerator,
    numerator + t.social_other + t.outside_social_other AS denominator,
    if(denominator = 0, NULL, numerator / denominator) AS share,
    toBool(sum(t.social_other + t.outside_social_other) OVER (PARTITION BY t.day, t.area) > 0) AS others_heard,
    c.coverage AS coverage,
    t.observed AS outside_observed_at,
    (SELECT if(countIf(complete_until IS NULL) = 0, min(complete_until), NULL) FROM gospulse.freshness WHERE topic = 'events') AS complete_until
FROM
(
    SELECT
        day,
        place,
        any(region) AS area,
        sum(page_facts) AS public_page,
        sum(other_facts) AS social_other,
        sum(page_totals) AS outside_public_page,
        sum(other_totals) AS outside_social_other,
        max(observed_at) AS observed
    FROM
    (
        SELECT
            day,
            place,
            region,
            appeals_public_page AS page_facts,
            appeals_social_other AS other_facts,
            toUInt64(0) AS page_totals,
            toUInt64(0) AS other_totals,
            CAST(NULL, 'Nullable(DateTime64(3, \'UTC\'))') AS observed_at
        FROM gospulse.place_day
        WHERE appeals_public_page + appeals_social_other > 0
        UNION ALL
        SELECT
            assumeNotNull(day),
            place,
            region,
            0,
            0,
            if(entrance = 'public_page', value, 0),
            if(entrance = 'social_other', value, 0),
            toNullable(observed_at)
        FROM gospulse.outside_totals
        WHERE day IS NOT NULL AND entrance IN ('public_page', 'social_other')
    )
    GROUP BY day, place
) AS t
LEFT JOIN gospulse.coverage AS c ON t.day = c.day AND t.place = c.place
SETTINGS join_use_nulls = 1
COMMENT 'Share of appeals through public pages among all appeals in social networks, by municipality and local day. For a region, a month or the country add numerators and denominators, never shares. The denominator must be fed by somebody: see others_heard. Generation {generation}.';
