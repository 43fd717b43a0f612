-- Touched hours and progress: what the refresher recomputes, and how far the fold has come.
CREATE TABLE IF NOT EXISTS gospulse_data.touched_g{generation} {on_cluster}
(
    hour DateTime('UTC') COMMENT 'Hour whose cells or facts changed (UTC)',
    log UInt16 COMMENT 'Log that changed it',
    part UInt16 COMMENT 'Partition that changed it',
    high SimpleAggregateFunction(max, UInt64) COMMENT 'Next offset after the highest record that changed the hour'
)
ENGINE = {AggregatingMergeTree}
ORDER BY (hour, log, part)
{ttl_touched}
COMMENT 'Hours that were changed, and by which offset; written after the cells are acknowledged, before the commit';

CREATE TABLE IF NOT EXISTS gospulse_data.progress_g{generation} {on_cluster}
(
    log UInt16 COMMENT 'Log',
    part UInt16 COMMENT 'Partition',
    folded SimpleAggregateFunction(max, UInt64) COMMENT 'Next offset: every row up to it is written and acknowledged',
    complete SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Every record appended before this time is counted (UTC); 1970 where no such time is known',
    latest SimpleAggregateFunction(max, Tuple(heartbeat DateTime64(3, 'UTC'), end UInt64, worker String, stopped String)) COMMENT 'Latest heartbeat of the owner (UTC), end of the log that it learnt last, its name, and why the partition is stopped (empty while it is folded)'
)
ENGINE = {AggregatingMergeTree}
ORDER BY (log, part)
COMMENT 'How far each partition is folded; also written when idle';

CREATE TABLE IF NOT EXISTS gospulse_data.sources_g{generation} {on_cluster}
(
    source String COMMENT 'Feed',
    log UInt16 COMMENT 'Log',
    part UInt16 COMMENT 'Partition',
    latest SimpleAggregateFunction(max, Tuple(off UInt64, appended DateTime64(3, 'UTC'))) COMMENT 'Last record of the feed in this partition: offset and append time (UTC)',
    happened SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Latest time of an event or observation (UTC)'
)
ENGINE = {AggregatingMergeTree}
ORDER BY (source, log, part)
COMMENT 'When each feed was last heard, by partition';
