-- Appeals by five minutes.
CREATE OR REPLACE VIEW gospulse.appeals_5min {on_cluster}
(
    time DateTime('UTC') COMMENT 'Start of the five minutes in which they were received (UTC)',
    page Nullable(String) COMMENT 'Public id of the page (vk:123); NULL where it came otherwise',
    place LowCardinality(String) COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region LowCardinality(Nullable(String)) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    channel LowCardinality(String) COMMENT 'Network, or what the source itself calls the channel',
    entrance LowCardinality(String) COMMENT 'Through which door they came',
    topic LowCardinality(Nullable(String)) COMMENT 'Topic by the latest classification; NULL unknown',
    appeals UInt64 COMMENT 'Appeals received, withdrawn ones included',
    withdrawn UInt64 COMMENT 'Of these, withdrawn or removed since',
    unanswered UInt64 COMMENT 'Of these, without any official reply so far'
)
AS
SELECT
    toStartOfInterval(received_at, INTERVAL 5 MINUTE) AS time,
    page,
    place,
    region,
    channel,
    entrance,
    topic,
    count() AS appeals,
    countIf(withdrawn_at IS NOT NULL) AS withdrawn,
    countIf(first_answer_at IS NULL) AS unanswered
FROM gospulse.appeals
GROUP BY time, page, place, region, channel, entrance, topic
COMMENT 'Appeals by five minutes: for live charts and alarms. Generation {generation}.';
