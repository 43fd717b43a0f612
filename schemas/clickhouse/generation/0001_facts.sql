-- Facts: what exists once. A table is ordered by identity alone, so one identity is one row, whatever its copies say.
-- Copies merge: `first` is the copy that is earliest in the log, and that copy is the fact. `hours` and `names` are the
-- unions over all copies: they find what a replaced copy had touched. An insert gives neither: they follow from `first`.
-- With FINAL read tupleElement(first, 'at'), never first.at: a subcolumn is read without merging the copies.

CREATE TABLE IF NOT EXISTS gospulse_data.appeals_g{generation} {on_cluster}
(
    appeal String CODEC(ZSTD(1)) COMMENT 'Identity of the appeal: 32 hex digits',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, at DateTime64(3, 'UTC'), appended DateTime64(3, 'UTC'), id String, page Nullable(String), place String, channel String, entrance String, topic Nullable(String), source String, load Nullable(String), thread Nullable(String), message Nullable(String), object Nullable(String), author Nullable(String), responder Nullable(String), nature Nullable(String), rating Nullable(UInt8), urgent Bool)) COMMENT 'The earliest copy: its position in the log (log, part, off), then its contents; at is when it happened, appended when the broker appended it (UTC)',
    hours SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32)) DEFAULT [toUInt32(intDiv(toUnixTimestamp64Milli(tupleElement(first, 'at')), 3600000) * 3600)] COMMENT 'Hours of all copies: seconds since 1970 (UTC)',
    names SimpleAggregateFunction(groupUniqArrayArray, Array(String)) DEFAULT arrayFilter(name -> name != '', [ifNull(tupleElement(first, 'thread'), '')]) CODEC(ZSTD(1)) COMMENT 'Identities that any copy names: its thread',
    INDEX named names TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {AggregatingMergeTree}
ORDER BY appeal
{ttl_appeals}
SETTINGS index_granularity = 1024
COMMENT 'Appeals: one row an identity, whatever its copies say';

CREATE TABLE IF NOT EXISTS gospulse_data.answers_g{generation} {on_cluster}
(
    id String CODEC(ZSTD(1)) COMMENT 'Identity of the answer: 32 hex digits',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, at DateTime64(3, 'UTC'), appended DateTime64(3, 'UTC'), kind String, appeal Nullable(String), thread Nullable(String), reply_to Nullable(String), page Nullable(String), place String, channel String, entrance String, source String, load Nullable(String), responder Nullable(String))) COMMENT 'The earliest copy: its position in the log (log, part, off), then its contents; at is when it happened, appended when the broker appended it (UTC)',
    hours SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32)) DEFAULT [toUInt32(intDiv(toUnixTimestamp64Milli(tupleElement(first, 'at')), 3600000) * 3600)] COMMENT 'Hours of all copies: seconds since 1970 (UTC)',
    names SimpleAggregateFunction(groupUniqArrayArray, Array(String)) DEFAULT arrayFilter(name -> name != '', [ifNull(tupleElement(first, 'appeal'), ''), ifNull(tupleElement(first, 'reply_to'), ''), ifNull(tupleElement(first, 'thread'), '')]) CODEC(ZSTD(1)) COMMENT 'Identities that any copy names: appeals, messages, threads',
    INDEX named names TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {AggregatingMergeTree}
ORDER BY id
{ttl_answers}
SETTINGS index_granularity = 1024
COMMENT 'Official replies to appeals; kind is appeal_interim or appeal_answered';

CREATE TABLE IF NOT EXISTS gospulse_data.appeal_changes_g{generation} {on_cluster}
(
    id String CODEC(ZSTD(1)) COMMENT 'Identity of the change: 32 hex digits',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, at DateTime64(3, 'UTC'), appended DateTime64(3, 'UTC'), kind String, appeal Nullable(String), message Nullable(String), page Nullable(String), place String, topic Nullable(String), source String, load Nullable(String), responder Nullable(String), nature Nullable(String), rating Nullable(UInt8))) COMMENT 'The earliest copy: its position in the log (log, part, off), then its contents; at is when it happened, appended when the broker appended it (UTC)',
    hours SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32)) DEFAULT [toUInt32(intDiv(toUnixTimestamp64Milli(tupleElement(first, 'at')), 3600000) * 3600)] COMMENT 'Hours of all copies: seconds since 1970 (UTC)',
    names SimpleAggregateFunction(groupUniqArrayArray, Array(String)) DEFAULT arrayFilter(name -> name != '', [ifNull(tupleElement(first, 'appeal'), ''), ifNull(tupleElement(first, 'message'), '')]) CODEC(ZSTD(1)) COMMENT 'Identities that any copy names: appeals, messages',
    INDEX named names TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {AggregatingMergeTree}
ORDER BY id
{ttl_appeal_changes}
SETTINGS index_granularity = 1024
COMMENT 'Changes of appeals; kind is appeal_assigned, _closed, _reopened, _withdrawn, _removed, _restored, _reclassified or _rated';

CREATE TABLE IF NOT EXISTS gospulse_data.messages_g{generation} {on_cluster}
(
    message String CODEC(ZSTD(1)) COMMENT 'Identity of the message: 32 hex digits',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, at DateTime64(3, 'UTC'), appended DateTime64(3, 'UTC'), appeal String)) COMMENT 'The earliest copy: its position in the log (log, part, off), then its contents; at is when it happened, appended when the broker appended it (UTC)',
    hours SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32)) DEFAULT [toUInt32(intDiv(toUnixTimestamp64Milli(tupleElement(first, 'at')), 3600000) * 3600)] COMMENT 'Hours of all copies: seconds since 1970 (UTC)',
    names SimpleAggregateFunction(groupUniqArrayArray, Array(String)) DEFAULT [tupleElement(first, 'appeal')] CODEC(ZSTD(1)) COMMENT 'Identities that any copy names: its appeal',
    INDEX named names TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {AggregatingMergeTree}
ORDER BY message
{ttl_messages}
SETTINGS index_granularity = 1024
COMMENT 'Messages of citizens and the appeal that each belongs to';

CREATE TABLE IF NOT EXISTS gospulse_data.posts_g{generation} {on_cluster}
(
    object String CODEC(ZSTD(1)) COMMENT 'Public id of the post',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, at DateTime64(3, 'UTC'), appended DateTime64(3, 'UTC'), id String, page String, place String, channel String, format Nullable(String), source String, load Nullable(String))) COMMENT 'The earliest copy: its position in the log (log, part, off), then its contents; at is when it happened, appended when the broker appended it (UTC)'
)
ENGINE = {AggregatingMergeTree}
ORDER BY object
SETTINGS index_granularity = 1024
COMMENT 'Posts that pages published';

CREATE TABLE IF NOT EXISTS gospulse_data.post_removals_g{generation} {on_cluster}
(
    object String CODEC(ZSTD(1)) COMMENT 'Public id of the post',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, at DateTime64(3, 'UTC'), appended DateTime64(3, 'UTC'), id String, page String, place String, source String, load Nullable(String))) COMMENT 'The earliest copy: its position in the log (log, part, off), then its contents; at is when it happened, appended when the broker appended it (UTC)'
)
ENGINE = {AggregatingMergeTree}
ORDER BY object
SETTINGS index_granularity = 1024
COMMENT 'Posts that were removed';

-- Facts about appeals in the order of time: a row is the earliest copy of a fact within one hour.
CREATE TABLE IF NOT EXISTS gospulse_data.fact_hours_g{generation} {on_cluster}
(
    hour DateTime('UTC') COMMENT 'Hour in which the copy says that it happened (UTC)',
    fact LowCardinality(String) COMMENT 'Table of the fact: appeals, answers, appeal_changes or messages',
    key String CODEC(ZSTD(1)) COMMENT 'Identity in that table',
    first SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64, place String, page String, kind String, entrance String)) DEFAULT (65535, 65535, 18446744073709551615, '', '', '', '') COMMENT 'The earliest copy in this hour: its position in the log, then its contents; page is empty where it has none',
    standing SimpleAggregateFunction(min, Tuple(log UInt16, part UInt16, off UInt64)) DEFAULT (65535, 65535, 18446744073709551615) COMMENT 'Position of the earliest copy in any hour, written by the refresher for facts with copies in several hours'
)
ENGINE = {AggregatingMergeTree}
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, fact, key)
{ttl_fact_hours}
COMMENT 'Facts by hour: a fact counts in the hour whose row has first at or before standing';
