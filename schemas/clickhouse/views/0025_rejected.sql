-- Rejected records.
CREATE OR REPLACE VIEW gospulse.rejected {on_cluster}
(
    topic Nullable(String) COMMENT 'Kafka topic; NULL for a log that is not registered',
    log UInt16 COMMENT 'Number of the log',
    part UInt16 COMMENT 'Partition',
    off UInt64 COMMENT 'Offset',
    appended DateTime64(3, 'UTC') COMMENT 'When the broker took it (UTC)',
    stage String COMMENT 'fold: rejected by the worker; ingest: rejected before',
    field Nullable(String) COMMENT 'Field that is wrong; NULL for the record as a whole',
    reason String COMMENT 'One sentence',
    source Nullable(String) COMMENT 'Feed, where ingest reported it',
    origin Nullable(String) COMMENT 'Where the original stands in the source''s terms, where ingest reported it',
    size UInt32 COMMENT 'Bytes of the record'
)
AS
SELECT
    l.topic AS topic,
    r.log AS log,
    r.part AS part,
    r.off AS off,
    r.appended AS appended,
    toString(r.stage) AS stage,
    nullIf(toString(r.field), '') AS field,
    r.reason AS reason,
    nullIf(r.source, '') AS source,
    nullIf(r.origin, '') AS origin,
    r.size AS size
FROM (SELECT * FROM gospulse_data.rejected_g{generation} FINAL) AS r
LEFT JOIN (SELECT log, any(topic) AS topic FROM gospulse_data.logs FINAL GROUP BY log) AS l ON r.log = l.log
SETTINGS join_use_nulls = 1
COMMENT 'Rejected records: where they stand in the log and why, never what they said. Generation {generation}.';
