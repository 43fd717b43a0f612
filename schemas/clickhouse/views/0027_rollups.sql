-- State of the roll-ups.
CREATE OR REPLACE VIEW gospulse.rollups {on_cluster}
(
    rollup String COMMENT 'place_hour, place_day or page_day',
    periods UInt64 COMMENT 'Hours, or days by time zone, that were computed at least once',
    waiting Nullable(UInt64) COMMENT 'Hours that were changed since they were computed; NULL for days, which follow their hours',
    recomputed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a period was computed last (UTC); NULL never'
)
AS
SELECT
    names.rollup AS rollup,
    count(version) AS periods,
    if(names.rollup = 'place_hour', any(w.hours), NULL) AS waiting,
    max(recomputed) AS recomputed_at
FROM (SELECT arrayJoin(['place_hour', 'place_day', 'page_day']) AS rollup) AS names
LEFT JOIN
(
    SELECT toString(r.rollup) AS rollup, zone, period, max(r.version) AS version, max(r.at) AS recomputed
    FROM gospulse_data.refreshed_g{generation} AS r
    GROUP BY r.rollup, zone, period
) AS done ON names.rollup = done.rollup
CROSS JOIN
(
    SELECT countIf(marks > ifNull(head, 0)) AS hours
    FROM
    (
        SELECT hour, sum(high) AS marks
        FROM
        (
            SELECT hour, log, part, max(t.high) AS high
            FROM gospulse_data.touched_g{generation} AS t
            GROUP BY hour, log, part
        )
        GROUP BY hour
    ) AS m
    LEFT JOIN
    (
        SELECT period, max(version) AS head
        FROM gospulse_data.refreshed_g{generation}
        WHERE rollup = 'place_hour'
        GROUP BY period
    ) AS h ON m.hour = h.period
) AS w
GROUP BY names.rollup
SETTINGS join_use_nulls = 1
COMMENT 'State of the roll-ups: how far the refresher is behind the marks of the workers. Generation {generation}.';
