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
    n.name AS name,
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
        toStartOfMonth(toDate(received_at, 'Europe/Moscow')) AS month,
        assumeNotNull(region) AS region,
        count() AS appeals,
        countIf(outcome = 'answered') AS answered,
        countIf(outcome = 'waiting') AS waiting,
        count(t.in_time) AS due,
        countIf(ifNull(t.in_time, false)) AS in_time,
        quantilesExact(0.5, 0.9)(answer_s) AS quantiles,
        quantiles[1] AS median,
        quantiles[2] AS p90
    FROM gospulse.answer_times AS t
    WHERE t.region IS NOT NULL AND outcome NOT IN ('withdrawn', 'removed')
    GROUP BY month, region
) AS r
LEFT JOIN gospulse.regions AS n ON r.region = n.region
SETTINGS join_use_nulls = 1
COMMENT 'Regions by how soon they answer, by Moscow''s calendar month of receipt. Appeals that their authors withdrew, or that pages removed after a reply, are left out; those that pages removed without one stay unanswered; unanswered ones count as slower than any answer. The limit and the least number of appeals for a rank are settings. Generation {generation}.';
