-- Freshness.
CREATE OR REPLACE VIEW gospulse.freshness {on_cluster}
(
    topic String COMMENT 'Kafka topic',
    log UInt16 COMMENT 'Number of its present log',
    part UInt16 COMMENT 'Partition',
    folded Nullable(UInt64) COMMENT 'Next offset: every row up to it is written and acknowledged; NULL where no worker has said anything yet',
    end Nullable(UInt64) COMMENT 'End of the log, as its worker learnt it last',
    lag Nullable(UInt64) COMMENT 'Records between the two, those behind an unfinished transaction included',
    complete_until Nullable(DateTime64(3, 'UTC')) COMMENT 'Every record that the broker took before this time is counted (UTC). It never falls. NULL where no such time is known; a minimum over partitions must then be NULL too',
    heartbeat Nullable(DateTime64(3, 'UTC')) COMMENT 'Last sign of the worker that owns the partition (UTC); NULL before the first',
    heartbeat_age_s Nullable(Float64) COMMENT 'Seconds since that sign',
    worker Nullable(String) COMMENT 'Name of that worker',
    stopped Nullable(String) COMMENT 'Why the partition is stopped; NULL while it is folded',
    source Nullable(String) COMMENT 'Feed that was heard in this partition; NULL before the first',
    source_heard_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the broker took its last record (UTC)',
    source_happened_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Latest time of an event or observation in it (UTC)'
)
AS
SELECT
    l.topic AS topic,
    l.log AS log,
    l.part AS part,
    p.folded AS folded,
    greatest(tupleElement(p.latest, 'end'), p.folded) AS end,
    end - p.folded AS lag,
    nullIf(p.complete, toDateTime64(0, 3, 'UTC')) AS complete_until,
    nullIf(tupleElement(p.latest, 'heartbeat'), toDateTime64(0, 3, 'UTC')) AS heartbeat,
    dateDiff('millisecond', heartbeat, now64(3, 'UTC')) / 1000 AS heartbeat_age_s,
    nullIf(tupleElement(p.latest, 'worker'), '') AS worker,
    nullIf(tupleElement(p.latest, 'stopped'), '') AS stopped,
    s.source AS source,
    s.heard AS source_heard_at,
    s.happened AS source_happened_at
FROM
(
    -- A topic that was created again has another log: the highest number is the present one.
    SELECT topic, max(number) AS log, toUInt16(arrayJoin(range(argMax(parts, number)))) AS part
    FROM (SELECT min(topic) AS topic, min(log) AS number, max(partitions) AS parts FROM gospulse_data.logs GROUP BY topic_id)
    GROUP BY topic
) AS l
LEFT JOIN
(
    SELECT
        log,
        part,
        toNullable(max(folded)) AS folded,
        toNullable(max(complete)) AS complete,
        max(latest) AS latest
    FROM gospulse_data.progress_g{generation}
    GROUP BY log, part
) AS p ON l.log = p.log AND l.part = p.part
LEFT JOIN
(
    SELECT source, log, part, tupleElement(max(latest), 'appended') AS heard, max(happened) AS happened
    FROM gospulse_data.sources_g{generation}
    GROUP BY source, log, part
) AS s ON l.log = s.log AND l.part = s.part
SETTINGS join_use_nulls = 1
COMMENT 'Freshness: complete until when, by partition and feed. Every record that the broker took before complete_until is in the tables; the roll-ups follow within seconds. A partition of which no worker has said anything has a row too. Generation {generation}.';
