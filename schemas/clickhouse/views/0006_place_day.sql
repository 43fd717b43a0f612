-- Municipalities by local day.
CREATE OR REPLACE VIEW gospulse.place_day {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    zone String COMMENT 'Time zone in which the day was cut',
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
    r.day AS day,
    r.zone AS zone,
    toString(r.place) AS place,
    {region_of_place} AS region,
    r.appeals AS appeals, r.appeals_public_page AS appeals_public_page,
    r.appeals_social_other AS appeals_social_other, r.appeals_pos_widget AS appeals_pos_widget,
    r.appeals_portal AS appeals_portal, r.appeals_app AS appeals_app, r.appeals_phone AS appeals_phone,
    r.appeals_email AS appeals_email, r.appeals_office AS appeals_office, r.appeals_other AS appeals_other,
    r.answers_interim AS answers_interim, r.answers_final AS answers_final, r.closings AS closings,
    r.reopenings AS reopenings, r.withdrawals AS withdrawals, r.post_published AS post_published,
    r.post_removed AS post_removed, r.comment_added AS comment_added, r.comment_removed AS comment_removed,
    r.reaction_added AS reaction_added, r.reaction_removed AS reaction_removed, r.repost_added AS repost_added,
    r.vote_added AS vote_added, r.subscriber_joined AS subscriber_joined, r.subscriber_left AS subscriber_left,
    r.service_used AS service_used
FROM
(
    SELECT * FROM gospulse_data.place_day_g{generation} FINAL
) AS r
-- Rows below the head of their period belong to an older computation.
LEFT JOIN
(
    SELECT toDate(period, 'UTC') AS day, zone, max(version) AS head
    FROM gospulse_data.refreshed_g{generation}
    WHERE rollup = 'place_day'
    GROUP BY zone, period
) AS h ON r.day = h.day AND r.zone = h.zone
WHERE r.version >= h.head
COMMENT 'Municipalities by local day: recomputed within seconds of a change. For the country''s days, which are Moscow''s, sum place_hour. Generation {generation}.';
