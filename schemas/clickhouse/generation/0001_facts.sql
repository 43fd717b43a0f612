-- Facts: what exists once. A row is a copy; the copy that stands earliest in the log is the fact.
-- With FINAL read tupleElement(first, 'at'), never first.at: a subcolumn is read without merging the copies.
CREATE TABLE IF NOT EXISTS gospulse_data.appeals_g{generation} {on_cluster}
(
    day Date COMMENT 'Day of receipt by Moscow''s calendar: part of the appeal''s identity',
    appeal String CODEC(ZSTD(1)) COMMENT 'Identity of the appeal: 32 hex digits',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, at DateTime64(3, 'UTC'), appended DateTime64(3, 'UTC'), id String, page Nullable(String), place String, channel String, entrance String, topic Nullable(String), source String, load Nullable(String), thread Nullable(String), author Nullable(String), responder Nullable(String), urgent Bool, amount UInt32)) DEFAULT (65535, 65535, 18446744073709551615, toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC'), '', NULL, '', '', '', NULL, '', NULL, NULL, NULL, NULL, false, 0) COMMENT 'The earliest copy: its position in the log (log, part, off), then what it says; at is when it happened, appended when the broker took it (UTC). The default stands behind every copy: a row that brings only life changes nothing here',
    life SimpleAggregateFunction(max, Tuple(version UInt64, state String, first_answer_at Nullable(DateTime64(3, 'UTC')), answered_at Nullable(DateTime64(3, 'UTC')), closed_at Nullable(DateTime64(3, 'UTC')), withdrawn_at Nullable(DateTime64(3, 'UTC')), topic Nullable(String), responder Nullable(String))) COMMENT 'What became of it, written by the refresher; version is the number of facts of its conversation that were known, so a stale one loses; 0 before the first time',
    INDEX received tupleElement(first, 'at') TYPE minmax GRANULARITY 1,
    INDEX identity appeal TYPE bloom_filter GRANULARITY 1,
    INDEX conversation ifNull(tupleElement(first, 'thread'), '') TYPE bloom_filter GRANULARITY 1
)
ENGINE = {AggregatingMergeTree}
PARTITION BY toYear(day)
ORDER BY (day, appeal)
{ttl_appeals}
COMMENT 'Appeals, one row a copy until merged; read with FINAL or GROUP BY';

CREATE TABLE IF NOT EXISTS gospulse_data.answers_g{generation} {on_cluster}
(
    day Date COMMENT 'Day of the answer by Moscow''s calendar',
    id String CODEC(ZSTD(1)) COMMENT 'Identity of the answer: 32 hex digits',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, at DateTime64(3, 'UTC'), appended DateTime64(3, 'UTC'), kind String, appeal Nullable(String), thread Nullable(String), page Nullable(String), place String, channel String, entrance String, source String, load Nullable(String), responder Nullable(String))) COMMENT 'The earliest copy; kind is appeal_interim or appeal_answered',
    INDEX happened tupleElement(first, 'at') TYPE minmax GRANULARITY 1,
    INDEX named ifNull(tupleElement(first, 'appeal'), '') TYPE bloom_filter GRANULARITY 1,
    INDEX conversation ifNull(tupleElement(first, 'thread'), '') TYPE bloom_filter GRANULARITY 1
)
ENGINE = {AggregatingMergeTree}
PARTITION BY toYear(day)
ORDER BY (day, id)
{ttl_answers}
COMMENT 'Official replies to appeals, interim and final';

CREATE TABLE IF NOT EXISTS gospulse_data.appeal_changes_g{generation} {on_cluster}
(
    day Date COMMENT 'Day of the change by Moscow''s calendar',
    id String CODEC(ZSTD(1)) COMMENT 'Identity of the change: 32 hex digits',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, at DateTime64(3, 'UTC'), appended DateTime64(3, 'UTC'), kind String, appeal Nullable(String), page Nullable(String), place String, topic Nullable(String), source String, load Nullable(String), responder Nullable(String))) COMMENT 'The earliest copy; kind is appeal_assigned, _closed, _reopened, _withdrawn, _removed, _restored, _reclassified or _rated',
    INDEX happened tupleElement(first, 'at') TYPE minmax GRANULARITY 1,
    INDEX named ifNull(tupleElement(first, 'appeal'), '') TYPE bloom_filter GRANULARITY 1
)
ENGINE = {AggregatingMergeTree}
PARTITION BY toYear(day)
ORDER BY (day, id)
{ttl_appeal_changes}
COMMENT 'Changes of appeals'' states';
