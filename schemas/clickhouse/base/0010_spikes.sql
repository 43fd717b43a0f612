-- Spikes: what the detector found. They stand outside generations: a rebuild does not take back an alert.
CREATE TABLE IF NOT EXISTS gospulse_data.spikes {on_cluster}
(
    id String COMMENT 'Identity of the episode: 16 hex digits, made of the series and the moment at which it opened',
    series String COMMENT 'Code of the municipality or region, name of the federal district, RU for the country',
    level LowCardinality(String) COMMENT 'municipality, region, district or country',
    since DateTime('UTC') COMMENT 'Evaluation that opened the episode (UTC)',
    latest SimpleAggregateFunction(max, Tuple(evaluated DateTime('UTC'), state String, closed_at Nullable(DateTime('UTC')), active_at DateTime('UTC'), alerted_at DateTime('UTC'), window_h UInt8, observed UInt64, expected Float64, alarms Float64, best_alarms Float64, authors UInt64, nature String, push Bool, reason String, pages Array(Tuple(page String, appeals UInt64)), topics Array(Tuple(topic String, appeals UInt64)), entrances Array(Tuple(entrance String, appeals UInt64)))) COMMENT 'The latest evaluation: when, state (open or closed), the most unusual window, what carries it',
    aftermath SimpleAggregateFunction(max, Tuple(computed DateTime('UTC'), appeals UInt64, usual Float64, peak_hour DateTime('UTC'), peak UInt64, hours Float64, half_after_h Nullable(Float64), first_post_h Nullable(Float64), silent_pages Array(String), answered UInt64)) COMMENT 'What became of a closed episode, computed again a day later; 1970 before the first time'
)
ENGINE = {AggregatingMergeTree}
ORDER BY (since, series, level, id)
COMMENT 'Episodes of unusually many appeals; the same evaluation again writes the same row';

CREATE TABLE IF NOT EXISTS gospulse_data.spike_decisions {on_cluster}
(
    id String COMMENT 'Episode',
    at DateTime64(3, 'UTC') COMMENT 'When it was decided (UTC)',
    decision LowCardinality(String) COMMENT 'accept, confirm, dismiss or hand_over',
    why String COMMENT 'Reason as the officer gave it; never personal data',
    by String COMMENT 'Role that decided'
)
ENGINE = {ReplacingMergeTree}
ORDER BY (id, at, decision)
COMMENT 'What officers decided about episodes; the latest decision stands';

CREATE TABLE IF NOT EXISTS gospulse_data.spike_evaluations {on_cluster}
(
    evaluated DateTime('UTC') COMMENT 'Moment that was evaluated (UTC)',
    written_at DateTime64(3, 'UTC') COMMENT 'When the evaluation ended (UTC)',
    seconds Float64 COMMENT 'How long it took',
    series UInt32 COMMENT 'Series of all levels',
    tested UInt32 COMMENT 'Of these, tested: something is expected of them',
    excluded_hours UInt32 COMMENT 'Hours of all series in the last 24 that count for nothing',
    expected_episodes Float64 COMMENT 'False episodes that a calibrated detector would open in this evaluation at E below 0.01',
    below_hundredth UInt32 COMMENT 'Series that came below E = 0.01 in this evaluation, for the first time in 24 hours',
    open UInt32 COMMENT 'Episodes open after it',
    held String COMMENT 'Why nothing was evaluated; empty: it was'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY evaluated
TTL evaluated + INTERVAL 400 DAY
COMMENT 'Evaluations of the spike detector: its heartbeat and its health';

CREATE TABLE IF NOT EXISTS gospulse_data.spike_expected {on_cluster}
(
    series String COMMENT 'As in spikes',
    hour DateTime('UTC') COMMENT 'Hour (UTC)',
    level LowCardinality(String) COMMENT 'municipality, region, district or country',
    expected Float32 COMMENT 'Appeals that are usual in this hour',
    low Float32 COMMENT 'Lower end of the interval that holds 95 of 100 ordinary hours',
    high Float32 COMMENT 'Its upper end',
    learnt DateTime('UTC') COMMENT 'Night that learnt it (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(learnt)
ORDER BY (series, hour)
TTL hour + INTERVAL 400 DAY
COMMENT 'What the detector expects of each series by hour';

CREATE TABLE IF NOT EXISTS gospulse_data.spike_links {on_cluster}
(
    id String COMMENT 'Episode',
    expires DateTime('UTC') COMMENT 'When its links stop working (UTC)',
    accept String COMMENT 'Address that accepts the episode',
    dismiss String COMMENT 'Address that dismisses it',
    hand_over String COMMENT 'Address that hands it over'
)
ENGINE = {ReplacingMergeTree}
ORDER BY id
TTL expires + INTERVAL 7 DAY
COMMENT 'Signed links of alerts, written when an episode opens; each works once';
