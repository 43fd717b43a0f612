-- Topics of the last seven days and of the seven before.
CREATE OR REPLACE VIEW gospulse.topic_change {on_cluster}
(
    region LowCardinality(Nullable(String)) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    topic LowCardinality(Nullable(String)) COMMENT 'Topic by the latest classification (housing.heating); NULL unknown. Names: view topics',
    appeals UInt64 COMMENT 'Appeals received in the last seven times 24 hours, withdrawn ones included',
    before UInt64 COMMENT 'Appeals received in the seven times 24 hours before',
    change Nullable(Float64) COMMENT 'appeals / before - 1; NULL where there was none before'
)
AS
SELECT
    region,
    topic,
    countIf(received_at >= now('UTC') - toIntervalDay(7)) AS appeals,
    count() - appeals AS before,
    if(before = 0, NULL, appeals / before - 1) AS change
FROM gospulse.appeals
WHERE received_at >= now('UTC') - toIntervalDay(14)
GROUP BY region, topic
COMMENT 'Topics by region: the last seven days beside the seven before. For the country add up appeals and before. Generation {generation}.';
