-- Double entry for appeals.
CREATE OR REPLACE VIEW gospulse.reconciliation {on_cluster}
(
    topic Nullable(String) COMMENT 'Kafka topic; NULL for a log that is not registered',
    log UInt16 COMMENT 'Number of the log',
    part UInt16 COMMENT 'Partition',
    counted UInt64 COMMENT 'Records of appeal_received that the counters hold',
    facts UInt64 COMMENT 'Appeals whose earliest copy stands in this partition',
    difference Int64 COMMENT 'counted - facts: repeats beyond the window',
    folded UInt64 COMMENT 'Next offset: every row up to it is written and acknowledged'
)
AS
SELECT
    l.topic AS topic,
    t.log AS log,
    t.part AS part,
    t.counted AS counted,
    t.facts AS facts,
    toInt64(t.counted) - toInt64(t.facts) AS difference,
    t.folded AS folded
FROM
(
    SELECT log, part, sum(received) AS counted, sum(fact) AS facts, max(next) AS folded
    FROM
    (
        SELECT log, part, max(appeal_received) AS received, toUInt64(0) AS fact, toUInt64(0) AS next
        FROM gospulse_data.page_hour_g{generation}
        WHERE appeal_received > 0
        GROUP BY hour, place, page, log, part, chunk
        UNION ALL
        SELECT tupleElement(first, 'log'), tupleElement(first, 'part'), toUInt64(0), toUInt64(1), toUInt64(0)
        FROM gospulse_data.appeals_g{generation} FINAL
        UNION ALL
        SELECT log, part, toUInt64(0), toUInt64(0), folded
        FROM gospulse_data.progress_g{generation}
    )
    GROUP BY log, part
) AS t
LEFT JOIN (SELECT log, any(topic) AS topic FROM gospulse_data.logs FINAL GROUP BY log) AS l ON t.log = l.log
WHERE t.counted > 0 OR t.facts > 0
SETTINGS join_use_nulls = 1, optimize_functions_to_subcolumns = 0
COMMENT 'Double entry for appeals: records counted by the page-hour counters against facts, by partition. When everything is acknowledged up to one offset, the difference is exactly the repeats farther apart than the window. Generation {generation}.';
