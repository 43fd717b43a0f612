-- Feeds.
CREATE OR REPLACE VIEW gospulse.sources {on_cluster}
(
    source String COMMENT 'Feed',
    heard_at DateTime64(3, 'UTC') COMMENT 'When the broker took its last record (UTC)',
    silent_s Float64 COMMENT 'Seconds since then',
    happened_at DateTime64(3, 'UTC') COMMENT 'Latest time of an event or observation in it (UTC)',
    up Nullable(Bool) COMMENT 'What its latest source_up reading says; NULL where it sends none',
    up_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When that was observed (UTC)'
)
AS
SELECT
    s.source AS source,
    s.heard AS heard_at,
    dateDiff('millisecond', heard_at, now64(3, 'UTC')) / 1000 AS silent_s,
    s.happened AS happened_at,
    toBool(u.value > 0) AS up,
    u.observed AS up_at
FROM
(
    SELECT source, max(tupleElement(latest, 'appended')) AS heard, max(happened) AS happened
    FROM gospulse_data.sources_g{generation}
    GROUP BY source
) AS s
LEFT JOIN
(
    SELECT
        toString(feed) AS source,
        max(tupleElement(reading, 'observed_at')) AS observed,
        argMax(tupleElement(reading, 'value'), tupleElement(reading, 'observed_at')) AS value
    FROM
    (
        SELECT source AS feed, max(latest) AS reading
        FROM gospulse_data.readings_g{generation}
        WHERE metric = 'source_up'
        GROUP BY metric, object, period_from, period_to, source
    )
    GROUP BY source
) AS u ON s.source = u.source
SETTINGS join_use_nulls = 1
COMMENT 'Feeds: when each was last heard, and whether it says that it is up. Generation {generation}.';
