-- Lives: what became of appeals, derived from facts by the refresher. `version` is the sum of the offsets that were known
-- when the facts were read, so a refresher that knew less loses.
CREATE TABLE IF NOT EXISTS gospulse_data.lives_g{generation} {on_cluster}
(
    appeal String CODEC(ZSTD(1)) COMMENT 'Identity of the appeal: 32 hex digits',
    life SimpleAggregateFunction(max, Tuple(version UInt64, received_at DateTime64(3, 'UTC'), state String, first_answer_at Nullable(DateTime64(3, 'UTC')), answered_at Nullable(DateTime64(3, 'UTC')), closed_at Nullable(DateTime64(3, 'UTC')), withdrawn_at Nullable(DateTime64(3, 'UTC')), topic Nullable(String), responder Nullable(String), nature Nullable(String), rating Nullable(UInt8))) COMMENT 'The latest knowledge; topic, nature and rating are those of later changes, NULL where there are none'
)
ENGINE = {AggregatingMergeTree}
ORDER BY appeal
{ttl_lives}
SETTINGS index_granularity = 1024
COMMENT 'What became of each appeal; an appeal without a row was received and nothing else is known';

CREATE TABLE IF NOT EXISTS gospulse_data.matches_g{generation} {on_cluster}
(
    id String CODEC(ZSTD(1)) COMMENT 'Identity of an answer or a change: 32 hex digits',
    match SimpleAggregateFunction(max, Tuple(version UInt64, appeal String)) COMMENT 'The appeal that it belongs to, empty where it belongs to none any more'
)
ENGINE = {AggregatingMergeTree}
ORDER BY id
SETTINGS index_granularity = 1024
COMMENT 'Which appeal each answer and change belongs to; one without a row belongs to none';

CREATE TABLE IF NOT EXISTS gospulse_data.life_steps_g{generation} {on_cluster}
(
    refresher String COMMENT 'A run of a refresher',
    begun SimpleAggregateFunction(max, UInt64) COMMENT 'Version of its latest step that began to read facts',
    finished SimpleAggregateFunction(max, UInt64) COMMENT 'Version of its latest step whose lives are written'
)
ENGINE = {AggregatingMergeTree}
ORDER BY refresher
COMMENT 'Steps of refreshers: while one of another run is unfinished, lives of its version or older are written again, even unchanged';
