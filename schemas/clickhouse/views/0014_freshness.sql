-- Freshness.
CREATE OR REPLACE VIEW gospulse.freshness {on_cluster}
(
    topic Nullable(String) COMMENT 'Kafka topic; NULL for a log that is not registered',
    log UInt16 COMMENT 'Number of the log',
    part UInt16 COMMENT 'Partition',
    folded UInt64 COMMENT 'Next offset: every row up to it is written and acknowledged',
    end UInt64 COMMENT 'End of the log as its worker saw it last',
    lag UInt64 COMMENT 'Records that wait',
    complete_until Nullable(DateTime64(3, 'UTC')) COMMENT 'Everything appended until then is counted (UTC): the last heartbeat where nothing waits, else the append time of the last folded record; NULL before the first',
    heartbeat Nullable(DateTime64(3, 'UTC')) COMMENT 'Last sign of the worker that owns the partition (UTC); NULL before the first',
    heartbeat_age_s Nullable(Float64) COMMENT 'Seconds since that sign',
    worker Nullable(String) COMMENT 'Name of that worker',
    stopped Nullable(String) COMMENT 'Why the partition stands still; NULL while it is folded',
    source Nullable(String) COMMENT 'Feed that was heard in this partition; NULL before the first',
    source_heard_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the broker took its last record (UTC)',
    source_happened_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Latest time of an event or observation in it (UTC)'
)
AS
SELECT
    l.topic AS topic,
    p.log AS log,
    p.part AS part,
    p.folded AS folded,
    greatest(tupleElement(p.latest, 'end'), p.folded) AS end,
    end - p.folded AS lag,
    multiIf(
        p.folded >= tupleElement(p.latest, 'end') AND heartbeat IS NOT NULL, heartbeat,
        p.folded_appended = toDateTime64(0, 3, 'UTC'), NULL,
        p.folded_appended
    ) AS complete_until,
    nullIf(tupleElement(p.latest, 'heartbeat'), toDateTime64(0, 3, 'UTC')) AS heartbeat,
    dateDiff('millisecond', heartbeat, now64(3, 'UTC')) / 1000 AS heartbeat_age_s,
    nullIf(tupleElement(p.latest, 'worker'), '') AS worker,
    nullIf(tupleElement(p.latest, 'stopped'), '') AS stopped,
    s.source AS source,
    s.heard AS source_heard_at,
    s.happened AS source_happened_at
FROM
(
    SELECT log, part, max(folded) AS folded, max(folded_appended) AS folded_appended, max(latest) AS latest
    FROM gospulse_data.progress_g{generation}
    GROUP BY log, part
) AS p
LEFT JOIN (SELECT log, any(topic) AS topic FROM gospulse_data.logs FINAL GROUP BY log) AS l ON p.log = l.log
LEFT JOIN
(
    SELECT source, log, part, tupleElement(max(latest), 'appended') AS heard, max(happened) AS happened
    FROM gospulse_data.sources_g{generation}
    GROUP BY source, log, part
) AS s ON p.log = s.log AND p.part = s.part
SETTINGS join_use_nulls = 1
COMMENT 'Freshness: complete until when, by partition and feed. Everything that the broker had taken before complete_until is in the tables; the roll-ups follow within seconds. Generation {generation}.';
