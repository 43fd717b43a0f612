-- Generations: each is one consumer group and one set of tables; the latest row of a number stands.
CREATE TABLE IF NOT EXISTS gospulse_data.generations {on_cluster}
(
    generation UInt32 COMMENT 'Number of the generation; its tables end in _g<number>, its group is gospulse-g<number>',
    state SimpleAggregateFunction(max, Tuple(changed_at DateTime64(3, 'UTC'), name String)) COMMENT 'Latest state: building, active, retired',
    definition SimpleAggregateFunction(max, Tuple(changed_at DateTime64(3, 'UTC'), json String)) COMMENT 'What changes its rows: code fingerprint, chunk, window, zone table, stamp set, excluded loads, mended origins, cut (JSON)'
)
ENGINE = {AggregatingMergeTree}
ORDER BY generation
COMMENT 'Generations of the fold and their states';

-- Logs: the number of a topic's id. A topic deleted and created again is another log.
CREATE TABLE IF NOT EXISTS gospulse_data.logs {on_cluster}
(
    topic_id String COMMENT 'Id that the broker gave the topic',
    topic SimpleAggregateFunction(min, String) COMMENT 'Name of the topic',
    log SimpleAggregateFunction(min, UInt16) COMMENT 'Number of the log; every position in a table begins with it',
    partitions SimpleAggregateFunction(max, UInt16) COMMENT 'Partitions that the topic has',
    registered_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'When it was recorded (UTC)'
)
ENGINE = {AggregatingMergeTree}
ORDER BY topic_id
COMMENT 'Recorded numbers of the topics'' ids';

-- Explicit decisions of the operator: going on behind a gap of the log, and what was mended and sent again.
CREATE TABLE IF NOT EXISTS gospulse_data.decisions {on_cluster}
(
    decided_at DateTime64(3, 'UTC') COMMENT 'When (UTC)',
    kind LowCardinality(String) COMMENT 'skip_gap, accept_gaps, accept_rejections, each of these with undo_ before it, trim, mended',
    generation UInt32 COMMENT 'Generation it concerns; 0 for all',
    log UInt16 COMMENT 'Log it concerns; 0 for none',
    part UInt16 COMMENT 'Partition it concerns',
    off UInt64 COMMENT 'Offset it concerns',
    detail String COMMENT 'What was decided, as JSON; never a value of a record'
)
ENGINE = {MergeTree}
ORDER BY (kind, generation, log, part, off, decided_at)
COMMENT 'Explicit, recorded decisions of the operator';
