-- Regions by how soon they answer, by Moscow's calendar month of receipt.
CREATE OR REPLACE VIEW gospulse.region_rating {on_cluster}
(
    month Date COMMENT 'First day of the month in which the appeals were received, by Moscow''s calendar',
    region String COMMENT 'Code of the region',
    name Nullable(String) COMMENT 'Name of the region',
    appeals UInt64 COMMENT 'Appeals that stand',
    answered UInt64 COMMENT 'Of these, with an official reply',
    waiting UInt64 COMMENT 'Of these, open without a reply',
    due UInt64 COMMENT 'Appeals of which it is decided whether a reply came in time',
    in_time UInt64 COMMENT 'Of these, replied to in time',
    share_in_time Nullable(Float64) COMMENT 'in_time / due; NULL where nothing is due',
    median_answer_s Nullable(Float64) COMMENT 'Median seconds to the first reply over all that stand; NULL where more than half have none',
    p90_answer_s Nullable(Float64) COMMENT 'Nine tenths were replied to within so many seconds; NULL where more than a tenth have no reply',
    rank Nullable(UInt64) COMMENT 'Rank in the month by share_in_time, 1 is best, equal shares have equal ranks; NULL below the least number of due appeals'
)
AS
SELECT
    r.month AS month,
    r.region AS region,
    nullIf(n.name, '') AS name,
    r.appeals AS appeals,
    r.answered AS answered,
    r.waiting AS waiting,
    r.due AS due,
    r.in_time AS in_time,
    if(r.due = 0, NULL, r.in_time / r.due) AS share_in_time,
    if(isFinite(r.median), r.median, NULL) AS median_answer_s,
    if(isFinite(r.p90), r.p90, NULL) AS p90_answer_s,
    if(r.due >= {minimum_sample}, rank() OVER (PARTITION BY r.month, r.due >= {minimum_sample} ORDER BY r.in_time / r.due DESC), NULL) AS rank
FROM
(
    SELECT
        a.month AS month,
        toString(a.region) AS region,
        a.appeals AS appeals,
        a.answered AS answered,
        a.waiting AS waiting,
        a.median AS median,
        a.p90 AS p90,
        arraySum(arrayMap((h, c) -> if(h <= {answer_limit_h}, c, 0), mapKeys(a.answer_hours), mapValues(a.answer_hours))) AS in_time,
        -- Waiting appeals are overdue whose limit has passed; the hour in which it passes now is counted by the second.
        toUInt32(intDiv(toUnixTimestamp(now('UTC')), 3600) - {answer_limit_h}) AS passing,
        arraySum(arrayMap((h, c) -> if(h < passing, c, 0), mapKeys(a.waiting_hours), mapValues(a.waiting_hours))) AS overdue,
        a.answered + arraySum(arrayMap((h, c) -> if(h >= {answer_limit_h}, c, 0), mapKeys(a.closed_hours), mapValues(a.closed_hours))) + overdue + p.overdue AS due
    FROM (SELECT * FROM gospulse_data.answer_month_g{generation} FINAL) AS a
    -- Rows below the head of their month belong to an older computation.
    LEFT JOIN
    (
        SELECT toDate(m.period, 'UTC') AS month, max(m.version) AS head
        FROM gospulse_data.refreshed_g{generation} AS m
        WHERE m.rollup = 'answer_month'
        GROUP BY month
    ) AS h ON a.month = h.month
    LEFT JOIN
    (
        SELECT toStartOfMonth(toDate(t.received_at, 'Europe/Moscow')) AS month, assumeNotNull(t.region) AS region, count() AS overdue
        FROM gospulse.answer_times AS t
        WHERE t.received_at >= toStartOfHour(now('UTC')) - toIntervalHour({answer_limit_h})
            AND t.received_at < toStartOfHour(now('UTC')) - toIntervalHour({answer_limit_h}) + toIntervalHour(1)
            AND t.outcome = 'waiting' AND t.in_time = false AND t.region IS NOT NULL
        GROUP BY month, region
    ) AS p ON a.month = p.month AND a.region = p.region
    WHERE a.version >= h.head
) AS r
LEFT JOIN gospulse.regions AS n ON r.region = n.region
SETTINGS join_use_nulls = 0
COMMENT 'Regions by how soon they answer, by Moscow''s calendar month of receipt. Appeals that their authors withdrew, or that pages removed after a reply, are left out; those that pages removed without one stay unanswered; unanswered ones count as slower than any answer. The limit and the least number of appeals for a rank are settings. Recomputed within a minute or so of a change. Generation {generation}.';
