-- Appeals for reading: facts and lives flat, in the order of time. Written by the refresher; what it has not written yet
-- is read from the facts. FINAL costs nothing where a month is one part: the engine merges a month that had no insert for
-- ten minutes. Whole years of times and pages are read, and decoding them is most of that: their codecs decode fast.
CREATE TABLE IF NOT EXISTS gospulse_data.appeal_rows_g{generation} {on_cluster}
(
    received_at DateTime64(3, 'UTC') CODEC(T64, LZ4) COMMENT 'When the citizen wrote it (UTC)',
    appeal String CODEC(ZSTD(1)) COMMENT 'Identity of the appeal: 32 hex digits',
    version UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'Sum of the offsets that were known when the facts were read: the highest stands',
    gone UInt8 COMMENT '1: the copy of this hour does not stand, the appeal is counted in another hour',
    first_seen_at DateTime64(3, 'UTC') CODEC(T64, LZ4) COMMENT 'Append time of its earliest copy (UTC)',
    region LowCardinality(Nullable(String)) COMMENT 'Code of the region; NULL for places from elsewhere and unknown ones',
    place LowCardinality(String) COMMENT 'Municipality as stamped',
    page String CODEC(LZ4) COMMENT 'Public id of the page; empty where it came otherwise',
    network LowCardinality(Nullable(String)) COMMENT 'Network of the page; NULL where there is none',
    channel LowCardinality(String) COMMENT 'Network, or what the source itself calls the channel',
    entrance LowCardinality(String) COMMENT 'Through which entrance it came',
    topic LowCardinality(Nullable(String)) COMMENT 'Topic by the latest classification; NULL unknown',
    nature LowCardinality(Nullable(String)) COMMENT 'complaint, question, proposal or thanks; NULL unknown',
    rating UInt8 COMMENT 'Latest rating by the citizen, 1 to 5; 0 unrated',
    urgent Bool COMMENT 'Whether its source marked it as urgent',
    state LowCardinality(String) COMMENT 'received, assigned, interim, answered, closed, reopened, withdrawn or removed',
    first_answer_at DateTime64(3, 'UTC') CODEC(T64, LZ4) COMMENT 'First official reply (UTC); 1970 none',
    answered_at DateTime64(3, 'UTC') CODEC(T64, LZ4) COMMENT 'Final official answer (UTC); 1970 none',
    closed_at DateTime64(3, 'UTC') CODEC(T64, LZ4) COMMENT 'Closing (UTC); 1970 none',
    withdrawn_at DateTime64(3, 'UTC') CODEC(T64, LZ4) COMMENT 'Withdrawal or removal (UTC); 1970 none',
    outcome LowCardinality(String) COMMENT 'withdrawn, removed, answered, closed or waiting, as in the view answer_times',
    ended_at DateTime64(3, 'UTC') CODEC(T64, LZ4) COMMENT 'First reply, else withdrawal, else closing (UTC); 1970 while it waits',
    replied Bool COMMENT 'Whether ended_at is a reply',
    source LowCardinality(String) COMMENT 'Feed that brought it',
    responder LowCardinality(Nullable(String)) COMMENT 'Role and body of who replied first, else of who was assigned; NULL unknown',
    post String CODEC(ZSTD(1)) COMMENT 'Public id of the post under which it was written; empty elsewhere',
    load LowCardinality(Nullable(String)) COMMENT 'Import run that brought it; NULL for live feeds'
)
ENGINE = {ReplacingMergeTree}(version, gone)
PARTITION BY toYYYYMM(received_at)
ORDER BY (toStartOfHour(received_at), appeal)
{ttl_appeal_rows}
SETTINGS min_age_to_force_merge_seconds = 600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'Appeals with what became of them, one row an appeal; read with FINAL';
