-- Rejected: what the contract rejects, by its position in the log. Never its content.
CREATE TABLE IF NOT EXISTS gospulse_data.rejected_g{generation} {on_cluster}
(
    log UInt16 COMMENT 'Log of the record',
    part UInt16 COMMENT 'Partition of the record',
    off UInt64 COMMENT 'Offset of the record',
    appended DateTime64(3, 'UTC') COMMENT 'When the broker took it (UTC)',
    stage LowCardinality(String) COMMENT 'fold: rejected by the worker; ingest: rejected before, reported through the topic rejected',
    field LowCardinality(String) COMMENT 'Field that is wrong; empty for the record as a whole',
    reason String COMMENT 'One sentence',
    source String COMMENT 'Feed, where ingest reported it; else empty',
    origin String COMMENT 'Where the original stands in the source''s terms; else empty',
    size UInt32 COMMENT 'Bytes of the record'
)
ENGINE = {ReplacingMergeTree}
ORDER BY (log, part, off)
{ttl_rejected}
COMMENT 'Rejected records by position; a replay writes the same row again';
