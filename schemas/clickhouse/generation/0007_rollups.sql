-- Roll-ups: recomputed by the refresher for touched hours and days, and replaced as a whole.
-- A period's head is written after its rows; rows below the head belong to an older computation and are not read.
CREATE TABLE IF NOT EXISTS gospulse_data.place_hour_g{generation} {on_cluster}
(
    hour DateTime('UTC') COMMENT 'Hour in which it happened (UTC)',
    place LowCardinality(String) COMMENT 'Municipality as stamped',
    version UInt64 COMMENT 'Sum of the marks that it was computed from: the highest stands, and a period''s rows below its head are not read',
    appeals UInt64 COMMENT 'Appeals received, withdrawn ones included (facts)',
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
    post_published UInt64 COMMENT 'Posts published (sum of amounts)',
    post_removed UInt64 COMMENT 'Posts removed (sum of amounts)',
    comment_added UInt64 COMMENT 'Comments written (sum of amounts)',
    comment_removed UInt64 COMMENT 'Comments removed (sum of amounts)',
    reaction_added UInt64 COMMENT 'Reactions given (sum of amounts)',
    reaction_removed UInt64 COMMENT 'Reactions taken back (sum of amounts)',
    repost_added UInt64 COMMENT 'Reposts (sum of amounts)',
    vote_added UInt64 COMMENT 'Votes (sum of amounts)',
    subscriber_joined UInt64 COMMENT 'Subscribers who joined (sum of amounts)',
    subscriber_left UInt64 COMMENT 'Subscribers who left (sum of amounts)',
    service_used UInt64 COMMENT 'Uses of a service (sum of amounts)'
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, place)
{ttl_place_hour}
COMMENT 'By municipality and hour: appeals and answers from facts, engagement from the counters';

CREATE TABLE IF NOT EXISTS gospulse_data.place_day_g{generation} {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    zone LowCardinality(String) COMMENT 'Time zone in which the day was cut',
    place LowCardinality(String) COMMENT 'Municipality as stamped',
    version UInt64 COMMENT 'Sum of the marks that it was computed from: the highest stands, and a period''s rows below its head are not read',
    appeals UInt64 COMMENT 'Appeals received, withdrawn ones included (facts)',
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
    post_published UInt64 COMMENT 'Posts published (sum of amounts)',
    post_removed UInt64 COMMENT 'Posts removed (sum of amounts)',
    comment_added UInt64 COMMENT 'Comments written (sum of amounts)',
    comment_removed UInt64 COMMENT 'Comments removed (sum of amounts)',
    reaction_added UInt64 COMMENT 'Reactions given (sum of amounts)',
    reaction_removed UInt64 COMMENT 'Reactions taken back (sum of amounts)',
    repost_added UInt64 COMMENT 'Reposts (sum of amounts)',
    vote_added UInt64 COMMENT 'Votes (sum of amounts)',
    subscriber_joined UInt64 COMMENT 'Subscribers who joined (sum of amounts)',
    subscriber_left UInt64 COMMENT 'Subscribers who left (sum of amounts)',
    service_used UInt64 COMMENT 'Uses of a service (sum of amounts)'
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYYYYMM(day)
ORDER BY (day, place)
{ttl_place_day}
COMMENT 'By municipality and local day: sums of place_hour';

CREATE TABLE IF NOT EXISTS gospulse_data.page_day_g{generation} {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    zone LowCardinality(String) COMMENT 'Time zone in which the day was cut',
    place LowCardinality(String) COMMENT 'Municipality as stamped',
    page String COMMENT 'Public id of the page; empty where an event has none',
    version UInt64 COMMENT 'Sum of the marks that it was computed from: the highest stands, and a period''s rows below its head are not read',
    appeals UInt64 COMMENT 'Appeals received, withdrawn ones included (facts)',
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
    post_published UInt64 COMMENT 'Posts published (sum of amounts)',
    post_removed UInt64 COMMENT 'Posts removed (sum of amounts)',
    comment_added UInt64 COMMENT 'Comments written (sum of amounts)',
    comment_removed UInt64 COMMENT 'Comments removed (sum of amounts)',
    reaction_added UInt64 COMMENT 'Reactions given (sum of amounts)',
    reaction_removed UInt64 COMMENT 'Reactions taken back (sum of amounts)',
    repost_added UInt64 COMMENT 'Reposts (sum of amounts)',
    vote_added UInt64 COMMENT 'Votes (sum of amounts)',
    subscriber_joined UInt64 COMMENT 'Subscribers who joined (sum of amounts)',
    subscriber_left UInt64 COMMENT 'Subscribers who left (sum of amounts)',
    service_used UInt64 COMMENT 'Uses of a service (sum of amounts)'
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYYYYMM(day)
ORDER BY (place, page, day)
{ttl_page_day}
COMMENT 'By page and local day: appeals and answers from facts, engagement from the counters';

CREATE TABLE IF NOT EXISTS gospulse_data.refreshed_g{generation} {on_cluster}
(
    rollup LowCardinality(String) COMMENT 'place_hour, place_day or page_day',
    zone LowCardinality(String) COMMENT 'Time zone of the day; UTC for hours',
    period DateTime('UTC') COMMENT 'The hour, or midnight of the local day''s date',
    version SimpleAggregateFunction(max, UInt64) COMMENT 'Head: the highest version whose rows are all written',
    at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'When it was computed last (UTC)'
)
ENGINE = {AggregatingMergeTree}
ORDER BY (rollup, zone, period)
COMMENT 'Which hours and days the refresher has recomputed, and from which marks';

CREATE TABLE IF NOT EXISTS gospulse_data.place_zones_g{generation} {on_cluster}
(
    place String COMMENT 'A place that occurred',
    zone String COMMENT 'IANA time zone in which its days are cut: the same in the whole generation'
)
ENGINE = {ReplacingMergeTree}
ORDER BY place
COMMENT 'Time zones of the places that occurred, written by the refresher';
