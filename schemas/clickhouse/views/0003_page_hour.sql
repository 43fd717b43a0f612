-- Pages by hour.
CREATE OR REPLACE VIEW gospulse.page_hour {on_cluster}
(
    hour DateTime('UTC') COMMENT 'Hour in which it happened (UTC)',
    page Nullable(String) COMMENT 'Public id of the page (vk:123); NULL where it came otherwise',
    network Nullable(String) COMMENT 'Network of the page: vk, ok, tg or max; NULL where there is no page',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    appeals UInt64 COMMENT 'Appeals received, withdrawn ones included (facts: each counted once)',
    appeals_public_page UInt64 COMMENT 'Of these, through the entrance public_page',
    appeals_social_other UInt64 COMMENT 'Of these, through the entrance social_other',
    appeals_pos_widget UInt64 COMMENT 'Of these, through the entrance pos_widget',
    appeals_portal UInt64 COMMENT 'Of these, through the entrance portal',
    appeals_app UInt64 COMMENT 'Of these, through the entrance app',
    appeals_phone UInt64 COMMENT 'Of these, through the entrance phone',
    appeals_email UInt64 COMMENT 'Of these, through the entrance email',
    appeals_office UInt64 COMMENT 'Of these, through the entrance office',
    appeals_other UInt64 COMMENT 'Of these, through the entrance other',
    answers_interim UInt64 COMMENT 'Interim official answers given (facts)',
    answers_final UInt64 COMMENT 'Final official answers given (facts)',
    closings UInt64 COMMENT 'Closings of appeals (facts)',
    reopenings UInt64 COMMENT 'Reopenings of appeals (facts)',
    withdrawals UInt64 COMMENT 'Withdrawals by authors and removals by pages (facts)',
    post_published UInt64 COMMENT 'Posts published (counted exactly within the window of repeats)',
    post_removed UInt64 COMMENT 'Posts removed (counted exactly within the window of repeats)',
    comment_added UInt64 COMMENT 'Comments written (counted exactly within the window of repeats)',
    comment_removed UInt64 COMMENT 'Comments removed (counted exactly within the window of repeats)',
    reaction_added UInt64 COMMENT 'Reactions given (counted exactly within the window of repeats)',
    reaction_removed UInt64 COMMENT 'Reactions taken back: the net figure is the difference (counted exactly within the window of repeats)',
    repost_added UInt64 COMMENT 'Reposts (counted exactly within the window of repeats)',
    vote_added UInt64 COMMENT 'Votes in polls (counted exactly within the window of repeats)',
    subscriber_joined UInt64 COMMENT 'Subscribers who joined (counted exactly within the window of repeats)',
    subscriber_left UInt64 COMMENT 'Subscribers who left (counted exactly within the window of repeats)',
    service_used UInt64 COMMENT 'Uses of a service through the page (counted exactly within the window of repeats)'
)
AS
SELECT
    hour,
    nullIf(t.page, '') AS page,
    if(t.page = '', NULL, splitByChar(':', t.page)[1]) AS network,
    place,
    {region_of_place} AS region,
    sum(t.appeals) AS appeals, sum(t.appeals_public_page) AS appeals_public_page,
    sum(t.appeals_social_other) AS appeals_social_other, sum(t.appeals_pos_widget) AS appeals_pos_widget,
    sum(t.appeals_portal) AS appeals_portal, sum(t.appeals_app) AS appeals_app,
    sum(t.appeals_phone) AS appeals_phone, sum(t.appeals_email) AS appeals_email,
    sum(t.appeals_office) AS appeals_office, sum(t.appeals_other) AS appeals_other,
    sum(t.answers_interim) AS answers_interim, sum(t.answers_final) AS answers_final,
    sum(t.closings) AS closings, sum(t.reopenings) AS reopenings, sum(t.withdrawals) AS withdrawals,
    sum(t.post_published) AS post_published, sum(t.post_removed) AS post_removed,
    sum(t.comment_added) AS comment_added, sum(t.comment_removed) AS comment_removed,
    sum(t.reaction_added) AS reaction_added, sum(t.reaction_removed) AS reaction_removed,
    sum(t.repost_added) AS repost_added, sum(t.vote_added) AS vote_added,
    sum(t.subscriber_joined) AS subscriber_joined, sum(t.subscriber_left) AS subscriber_left,
    sum(t.service_used) AS service_used
FROM
(
    -- Cells hold the count of a chunk so far: the highest within a chunk, then the sum over chunks.
    SELECT
        hour,
        page,
        toString(place) AS place,
        toUInt64(0) AS appeals, toUInt64(0) AS appeals_public_page, toUInt64(0) AS appeals_social_other,
        toUInt64(0) AS appeals_pos_widget, toUInt64(0) AS appeals_portal, toUInt64(0) AS appeals_app,
        toUInt64(0) AS appeals_phone, toUInt64(0) AS appeals_email, toUInt64(0) AS appeals_office,
        toUInt64(0) AS appeals_other, toUInt64(0) AS answers_interim, toUInt64(0) AS answers_final,
        toUInt64(0) AS closings, toUInt64(0) AS reopenings, toUInt64(0) AS withdrawals,
        sum(cells.post_published) AS post_published, sum(cells.post_removed) AS post_removed,
        sum(cells.comment_added) AS comment_added, sum(cells.comment_removed) AS comment_removed,
        sum(cells.reaction_added) AS reaction_added, sum(cells.reaction_removed) AS reaction_removed,
        sum(cells.repost_added) AS repost_added, sum(cells.vote_added) AS vote_added,
        sum(cells.subscriber_joined) AS subscriber_joined, sum(cells.subscriber_left) AS subscriber_left,
        sum(cells.service_used) AS service_used
    FROM
    (
        SELECT
            hour,
            page,
            place,
            max(post_published) AS post_published, max(post_removed) AS post_removed,
            max(comment_added) AS comment_added, max(comment_removed) AS comment_removed,
            max(reaction_added) AS reaction_added, max(reaction_removed) AS reaction_removed,
            max(repost_added) AS repost_added, max(vote_added) AS vote_added,
            max(subscriber_joined) AS subscriber_joined, max(subscriber_left) AS subscriber_left,
            max(service_used) AS service_used
        FROM gospulse_data.page_hour_g{generation}
        GROUP BY hour, place, page, log, part, chunk
    ) AS cells
    GROUP BY hour, place, page
    UNION ALL
    SELECT
        hour,
        page,
        place,
        countIf(kind = 'appeal_received') AS appeals,
        countIf(kind = 'appeal_received' AND entrance = 'public_page') AS appeals_public_page,
        countIf(kind = 'appeal_received' AND entrance = 'social_other') AS appeals_social_other,
        countIf(kind = 'appeal_received' AND entrance = 'pos_widget') AS appeals_pos_widget,
        countIf(kind = 'appeal_received' AND entrance = 'portal') AS appeals_portal,
        countIf(kind = 'appeal_received' AND entrance = 'app') AS appeals_app,
        countIf(kind = 'appeal_received' AND entrance = 'phone') AS appeals_phone,
        countIf(kind = 'appeal_received' AND entrance = 'email') AS appeals_email,
        countIf(kind = 'appeal_received' AND entrance = 'office') AS appeals_office,
        countIf(kind = 'appeal_received' AND entrance = 'other') AS appeals_other,
        countIf(kind = 'appeal_interim') AS answers_interim, countIf(kind = 'appeal_answered') AS answers_final,
        countIf(kind = 'appeal_closed') AS closings, countIf(kind = 'appeal_reopened') AS reopenings,
        countIf(kind IN ('appeal_withdrawn', 'appeal_removed')) AS withdrawals,
        toUInt64(0) AS post_published, toUInt64(0) AS post_removed, toUInt64(0) AS comment_added,
        toUInt64(0) AS comment_removed, toUInt64(0) AS reaction_added, toUInt64(0) AS reaction_removed,
        toUInt64(0) AS repost_added, toUInt64(0) AS vote_added, toUInt64(0) AS subscriber_joined,
        toUInt64(0) AS subscriber_left, toUInt64(0) AS service_used
    FROM
    (
        SELECT
            toDateTime(toStartOfHour(tupleElement(first, 'at')), 'UTC') AS hour,
            ifNull(tupleElement(first, 'page'), '') AS page,
            tupleElement(first, 'place') AS place,
            'appeal_received' AS kind,
            tupleElement(first, 'entrance') AS entrance
        FROM gospulse_data.appeals_g{generation} FINAL
        WHERE tupleElement(first, 'id') != ''
        UNION ALL
        SELECT
            toDateTime(toStartOfHour(tupleElement(first, 'at')), 'UTC') AS hour,
            ifNull(tupleElement(first, 'page'), '') AS page,
            tupleElement(first, 'place') AS place,
            tupleElement(first, 'kind') AS kind,
            '' AS entrance
        FROM gospulse_data.answers_g{generation} FINAL
        UNION ALL
        SELECT
            toDateTime(toStartOfHour(tupleElement(first, 'at')), 'UTC') AS hour,
            ifNull(tupleElement(first, 'page'), '') AS page,
            tupleElement(first, 'place') AS place,
            tupleElement(first, 'kind') AS kind,
            '' AS entrance
        FROM gospulse_data.appeal_changes_g{generation} FINAL
    )
    GROUP BY hour, page, place
) AS t
GROUP BY hour, t.page, place
SETTINGS optimize_functions_to_subcolumns = 0
COMMENT 'Pages by hour: appeals and answers from facts, engagement from the counters, as soon as they are acknowledged. Hours are UTC. A page without events in an hour has no row. Generation {generation}.';
