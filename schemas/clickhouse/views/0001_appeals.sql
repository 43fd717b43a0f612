-- Appeals.
CREATE OR REPLACE VIEW gospulse.appeals {on_cluster}
(
    appeal String COMMENT 'Identity of the appeal: 32 hex digits',
    received_at DateTime64(3, 'UTC') COMMENT 'When the citizen wrote it (UTC)',
    first_seen_at DateTime64(3, 'UTC') COMMENT 'When Gospulse first saw it: append time of its earliest copy in the log (UTC)',
    first_answer_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First official reply, interim or final (UTC); NULL unanswered. A reply belongs to the appeal that it names, else to that of the message it replies to, else to the latest open one of its thread',
    answered_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Final official answer (UTC); NULL while there is none, and again after a reopening',
    closed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Closing, as its source dates it (UTC); NULL while open or reopened',
    withdrawn_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Withdrawal by the author or removal by the page (UTC); NULL while a message of it stands',
    state LowCardinality(String) COMMENT 'received, assigned, interim, answered, closed, reopened, withdrawn or removed',
    page Nullable(String) COMMENT 'Public id of the page (vk:123); NULL where it came otherwise',
    network LowCardinality(Nullable(String)) COMMENT 'Network of the page: vk, ok, tg or max; NULL where there is no page',
    place LowCardinality(String) COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region LowCardinality(Nullable(String)) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    channel LowCardinality(String) COMMENT 'Network, or what the source itself calls the channel',
    entrance LowCardinality(String) COMMENT 'Through which entrance it came; names: view entrances',
    topic LowCardinality(Nullable(String)) COMMENT 'Topic by the latest classification (housing.heating); NULL unknown. Names: view topics',
    nature LowCardinality(Nullable(String)) COMMENT 'complaint, question, proposal or thanks, by the latest classification; NULL unknown',
    rating Nullable(UInt8) COMMENT 'Latest rating of the answer by the citizen, 1 to 5; NULL unrated',
    urgent Bool COMMENT 'Whether its source marked it as urgent',
    source LowCardinality(String) COMMENT 'Feed that brought it',
    responder LowCardinality(Nullable(String)) COMMENT 'Role and body of who replied first, else of who was assigned; never a person',
    post Nullable(String) COMMENT 'Public id of the post under which it was written; NULL elsewhere',
    load LowCardinality(Nullable(String)) COMMENT 'Import run that brought it; NULL for live feeds'
)
AS
SELECT
    r.appeal AS appeal,
    r.received_at AS received_at,
    r.first_seen_at AS first_seen_at,
    nullIf(r.first_answer_at, toDateTime64(0, 3, 'UTC')) AS first_answer_at,
    nullIf(r.answered_at, toDateTime64(0, 3, 'UTC')) AS answered_at,
    nullIf(r.closed_at, toDateTime64(0, 3, 'UTC')) AS closed_at,
    nullIf(r.withdrawn_at, toDateTime64(0, 3, 'UTC')) AS withdrawn_at,
    r.state AS state,
    nullIf(r.page, '') AS page,
    r.network AS network,
    r.place AS place,
    r.region AS region,
    r.channel AS channel,
    r.entrance AS entrance,
    r.topic AS topic,
    r.nature AS nature,
    nullIf(r.rating, 0) AS rating,
    r.urgent AS urgent,
    r.source AS source,
    r.responder AS responder,
    nullIf(r.post, '') AS post,
    r.load AS load
FROM {shown_appeals} AS r
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Appeals: one row an appeal, the withdrawn ones marked. Everything but what became of it is there as soon as the worker has acknowledged it; state, times of answer, closing and withdrawal follow within seconds. Filter by received_at: other times are then not read. Generation {generation}.';
