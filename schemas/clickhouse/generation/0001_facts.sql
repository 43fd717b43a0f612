-- Facts: what exists once. A row is a copy; the copy that stands earliest in the log is the fact.
CREATE TABLE IF NOT EXISTS gospulse_data.appeals_g{generation} {on_cluster}
(
    day Date COMMENT 'Day of receipt by Moscow''s calendar: part of the appeal''s identity',
    appeal String CODEC(ZSTD(1)) COMMENT 'Identity of the appeal: 32 hex digits',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, at DateTime64(3, 'UTC'), appended DateTime64(3, 'UTC'), id String, page Nullable(String), place String, channel String, entrance String, topic Nullable(String), source String, load Nullable(String), thread Nullable(String), author Nullable(String), responder Nullable(String), urgent Bool, amount UInt32)) COMMENT 'The earliest copy: its position in the log (log, part, off), then what it says; at is when it happened, appended when the broker took it (UTC)'
)
ENGINE = {AggregatingMergeTree}
PARTITION BY toYear(day)
ORDER BY (day, appeal)
COMMENT 'Appeals, one row a copy until merged; read with FINAL or GROUP BY';

CREATE TABLE IF NOT EXISTS gospulse_data.answers_g{generation} {on_cluster}
(
    day Date COMMENT 'Day of the answer by Moscow''s calendar',
    id String CODEC(ZSTD(1)) COMMENT 'Identity of the answer: 32 hex digits',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, at DateTime64(3, 'UTC'), appended DateTime64(3, 'UTC'), kind String, appeal Nullable(String), thread Nullable(String), page Nullable(String), place String, channel String, entrance String, source String, load Nullable(String), responder Nullable(String))) COMMENT 'The earliest copy; kind is appeal_interim or appeal_answered'
)
ENGINE = {AggregatingMergeTree}
PARTITION BY toYear(day)
ORDER BY (day, id)
COMMENT 'Official replies to appeals, interim and final';

CREATE TABLE IF NOT EXISTS gospulse_data.appeal_changes_g{generation} {on_cluster}
(
    day Date COMMENT 'Day of the change by Moscow''s calendar',
    id String CODEC(ZSTD(1)) COMMENT 'Identity of the change: 32 hex digits',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, at DateTime64(3, 'UTC'), appended DateTime64(3, 'UTC'), kind String, appeal String, page Nullable(String), place String, topic Nullable(String), source String, load Nullable(String), responder Nullable(String))) COMMENT 'The earliest copy; kind is appeal_assigned, _closed, _reopened, _withdrawn, _removed, _restored or _reclassified'
)
ENGINE = {AggregatingMergeTree}
PARTITION BY toYear(day)
ORDER BY (day, id)
COMMENT 'Changes of appeals'' states';
