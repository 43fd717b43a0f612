-- Health of the spike detector.
CREATE OR REPLACE VIEW gospulse.spike_health {on_cluster}
(
    evaluated_at Nullable(DateTime('UTC')) COMMENT 'Latest moment that was evaluated (UTC); NULL never',
    alive Bool COMMENT 'Whether an evaluation was written in the last 15 minutes, held ones included',
    held Nullable(String) COMMENT 'Why the latest one was held; NULL: it was not',
    series UInt32 COMMENT 'Series of all levels',
    tested UInt32 COMMENT 'Of these, tested',
    excluded_hours UInt32 COMMENT 'Hours of all series in the last 24 that count for nothing',
    open UInt32 COMMENT 'Open episodes',
    seconds_p50 Nullable(Float64) COMMENT 'Median seconds of an evaluation in the last week',
    seconds_p90 Nullable(Float64) COMMENT 'Ninetieth percentile of the same',
    calibration Nullable(Float64) COMMENT 'Series that came below E = 0.01 in the last week over their expected number; NULL while fewer than 5 are expected',
    calibrated Nullable(Bool) COMMENT 'Whether that lies between 0.2 and 2.5; NULL unknown'
)
AS
SELECT
    nullIf(max(evaluated), toDateTime(0, 'UTC')) AS evaluated_at,
    max(written) > now64(3, 'UTC') - INTERVAL 15 MINUTE AS alive,
    nullIf(argMax(held_why, evaluated), '') AS held,
    argMaxIf(n_series, evaluated, n_series > 0) AS series,
    argMaxIf(n_tested, evaluated, n_series > 0) AS tested,
    argMaxIf(n_excluded, evaluated, n_series > 0) AS excluded_hours,
    argMaxIf(n_open, evaluated, n_series > 0) AS open,
    if(countIf(n_series > 0) = 0, NULL, quantileExactIf(0.5)(took, n_series > 0)) AS seconds_p50,
    if(countIf(n_series > 0) = 0, NULL, quantileExactIf(0.9)(took, n_series > 0)) AS seconds_p90,
    if(sum(usual) < 5, NULL, sum(came) / sum(usual)) AS calibration,
    if(isNull(calibration), NULL, toBool(calibration BETWEEN 0.2 AND 2.5)) AS calibrated
FROM
(
    SELECT
        evaluated,
        written_at AS written,
        held AS held_why,
        series AS n_series,
        tested AS n_tested,
        excluded_hours AS n_excluded,
        open AS n_open,
        seconds AS took,
        expected_episodes AS usual,
        below_hundredth AS came
    FROM gospulse_data.spike_evaluations FINAL
    WHERE evaluated > now() - INTERVAL 7 DAY
)
COMMENT 'Health of the spike detector: heartbeat, speed, calibration. One row. Generation {generation}.';
