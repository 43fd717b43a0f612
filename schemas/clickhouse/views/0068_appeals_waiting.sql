-- Appeals that wait for a reply.
CREATE OR REPLACE VIEW gospulse.appeals_waiting {on_cluster}
(
    appeal String COMMENT 'Identity of the appeal',
    received_at DateTime64(3, 'UTC') COMMENT 'When the citizen wrote it (UTC)',
    page Nullable(String) COMMENT 'Public id of the page (vk:123); NULL where it came otherwise',
    place LowCardinality(String) COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region LowCardinality(Nullable(String)) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    entrance LowCardinality(String) COMMENT 'Through which entrance it came; names: view entrances',
    topic LowCardinality(Nullable(String)) COMMENT 'Topic by the latest classification (housing.heating); NULL unknown. Names: view topics',
    urgent Bool COMMENT 'Whether its source marked it as urgent',
    age_s Int64 COMMENT 'Seconds since it was received',
    age String COMMENT 'The same as a class: 1 up to 4 hours, 2 up to the limit, 3 up to 3 limits, 4 up to 30 days, 5 older',
    overdue Bool COMMENT 'Whether it waits longer than the limit (setting answer_limit_h)'
)
AS
SELECT
    appeal,
    received_at,
    page,
    place,
    region,
    entrance,
    topic,
    urgent,
    dateDiff('second', received_at, now64(3, 'UTC')) AS age_s,
    multiIf(
        age_s <= 4 * 3600, '1 up to 4 hours',
        age_s <= {answer_limit_h} * 3600, '2 up to the limit',
        age_s <= 3 * {answer_limit_h} * 3600, '3 up to 3 limits',
        age_s <= 30 * 86400, '4 up to 30 days',
        '5 older'
    ) AS age,
    toBool(age_s > {answer_limit_h} * 3600) AS overdue
FROM gospulse.answer_times
WHERE outcome = 'waiting'
COMMENT 'Appeals that wait for a reply, with their age: also those that pages removed without one. Generation {generation}.';
