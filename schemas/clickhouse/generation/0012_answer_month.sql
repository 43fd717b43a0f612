-- How soon regions answer, by month of receipt. No limit is built in and no clock: which hours count as in time, and
-- which waiting appeals are overdue, the views decide.
CREATE TABLE IF NOT EXISTS gospulse_data.answer_month_g{generation} {on_cluster}
(
    month Date COMMENT 'First day of the month of receipt, by Moscow''s calendar',
    region LowCardinality(String) COMMENT 'Code of the region',
    version UInt64 COMMENT 'Highest version among the flat rows of the month that it was computed from: the highest stands, and rows below the head of their month are not read',
    appeals UInt64 COMMENT 'Appeals that stand',
    answered UInt64 COMMENT 'Of these, with an official reply',
    waiting UInt64 COMMENT 'Of these, open without a reply',
    answer_hours Map(UInt32, UInt64) COMMENT 'Hours to the first reply, rounded up -> appeals',
    closed_hours Map(UInt32, UInt64) COMMENT 'Hours to a closing without a reply, rounded down -> appeals',
    waiting_hours Map(UInt32, UInt64) COMMENT 'Hour of receipt (hours since 1970, UTC) -> appeals that wait',
    median Float64 COMMENT 'Median seconds to the first reply over all that stand; infinite where more than half have none',
    p90 Float64 COMMENT 'The ninth decile in the same way'
)
ENGINE = {ReplacingMergeTree}(version)
PARTITION BY toYear(month)
ORDER BY (month, region)
{ttl_answer_month}
COMMENT 'How soon regions answer, by month of receipt';
