-- The grid cube: absolute counts of one chunk so far. A total is the sum over chunks of the max within a chunk.
CREATE TABLE IF NOT EXISTS gospulse_data.page_hour_g{generation} {on_cluster}
(
    hour DateTime('UTC') COMMENT 'Hour in which it happened (UTC)',
    page String COMMENT 'Public id of the page; empty where an event has none',
    place LowCardinality(String) COMMENT 'Municipality as stamped',
    log UInt16 COMMENT 'Log of the chunk',
    part UInt16 COMMENT 'Partition of the chunk',
    chunk UInt32 COMMENT 'offset // CHUNK',
    appeal_received SimpleAggregateFunction(max, UInt64) COMMENT 'Records of appeal_received in this chunk so far',
    appeal_assigned SimpleAggregateFunction(max, UInt64) COMMENT 'Records of appeal_assigned in this chunk so far',
    appeal_interim SimpleAggregateFunction(max, UInt64) COMMENT 'Records of appeal_interim in this chunk so far',
    appeal_answered SimpleAggregateFunction(max, UInt64) COMMENT 'Records of appeal_answered in this chunk so far',
    appeal_closed SimpleAggregateFunction(max, UInt64) COMMENT 'Records of appeal_closed in this chunk so far',
    appeal_reopened SimpleAggregateFunction(max, UInt64) COMMENT 'Records of appeal_reopened in this chunk so far',
    appeal_withdrawn SimpleAggregateFunction(max, UInt64) COMMENT 'Records of appeal_withdrawn in this chunk so far',
    appeal_removed SimpleAggregateFunction(max, UInt64) COMMENT 'Records of appeal_removed in this chunk so far',
    appeal_restored SimpleAggregateFunction(max, UInt64) COMMENT 'Records of appeal_restored in this chunk so far',
    appeal_reclassified SimpleAggregateFunction(max, UInt64) COMMENT 'Records of appeal_reclassified in this chunk so far',
    appeal_rated SimpleAggregateFunction(max, UInt64) COMMENT 'Records of appeal_rated in this chunk so far',
    post_published SimpleAggregateFunction(max, UInt64) COMMENT 'Sum of amounts of post_published in this chunk so far',
    post_removed SimpleAggregateFunction(max, UInt64) COMMENT 'Sum of amounts of post_removed in this chunk so far',
    comment_added SimpleAggregateFunction(max, UInt64) COMMENT 'Sum of amounts of comment_added in this chunk so far',
    comment_removed SimpleAggregateFunction(max, UInt64) COMMENT 'Sum of amounts of comment_removed in this chunk so far',
    reaction_added SimpleAggregateFunction(max, UInt64) COMMENT 'Sum of amounts of reaction_added in this chunk so far',
    reaction_removed SimpleAggregateFunction(max, UInt64) COMMENT 'Sum of amounts of reaction_removed in this chunk so far',
    repost_added SimpleAggregateFunction(max, UInt64) COMMENT 'Sum of amounts of repost_added in this chunk so far',
    vote_added SimpleAggregateFunction(max, UInt64) COMMENT 'Sum of amounts of vote_added in this chunk so far',
    subscriber_joined SimpleAggregateFunction(max, UInt64) COMMENT 'Sum of amounts of subscriber_joined in this chunk so far',
    subscriber_left SimpleAggregateFunction(max, UInt64) COMMENT 'Sum of amounts of subscriber_left in this chunk so far',
    service_used SimpleAggregateFunction(max, UInt64) COMMENT 'Sum of amounts of service_used in this chunk so far'
)
ENGINE = {AggregatingMergeTree}
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, place, page, log, part, chunk)
{ttl_page_hour}
COMMENT 'Counters by page, place and hour on the grid of chunks; appeal kinds count records (for reconciliation only), the others sum amounts. Never sum without max per chunk first';
