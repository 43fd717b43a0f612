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
    state String COMMENT 'received, assigned, interim, answered, closed, reopened, withdrawn or removed',
    page Nullable(String) COMMENT 'Public id of the page (vk:123); NULL where it came otherwise',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    channel String COMMENT 'Network, or what the source itself calls the channel',
    entrance String COMMENT 'Through which entrance it came; names: view entrances',
    topic Nullable(String) COMMENT 'Topic by the latest classification (housing.heating); NULL unknown. Names: view topics',
    nature Nullable(String) COMMENT 'complaint, question, proposal or thanks, by the latest classification; NULL unknown',
    rating Nullable(UInt8) COMMENT 'Latest rating of the answer by the citizen, 1 to 5; NULL unrated',
    urgent Bool COMMENT 'Whether its source marked it as urgent',
    source String COMMENT 'Feed that brought it',
    responder Nullable(String) COMMENT 'Role and body of who replied first, else of who was assigned; never a person',
    post Nullable(String) COMMENT 'Public id of the post under which it was written; NULL elsewhere',
    load Nullable(String) COMMENT 'Import run that brought it; NULL for live feeds'
)
AS
SELECT
    a.appeal AS appeal,
    tupleElement(a.f, 'at') AS received_at,
    tupleElement(a.f, 'appended') AS first_seen_at,
    tupleElement(l.life, 'first_answer_at') AS first_answer_at,
    tupleElement(l.life, 'answered_at') AS answered_at,
    tupleElement(l.life, 'closed_at') AS closed_at,
    tupleElement(l.life, 'withdrawn_at') AS withdrawn_at,
    if(l.appeal = '', 'received', tupleElement(l.life, 'state')) AS state,
    tupleElement(a.f, 'page') AS page,
    tupleElement(a.f, 'place') AS place,
    {region_of_place} AS region,
    tupleElement(a.f, 'channel') AS channel,
    tupleElement(a.f, 'entrance') AS entrance,
    coalesce(tupleElement(l.life, 'topic'), tupleElement(a.f, 'topic')) AS topic,
    coalesce(tupleElement(l.life, 'nature'), tupleElement(a.f, 'nature')) AS nature,
    coalesce(tupleElement(l.life, 'rating'), tupleElement(a.f, 'rating')) AS rating,
    tupleElement(a.f, 'urgent') AS urgent,
    tupleElement(a.f, 'source') AS source,
    coalesce(tupleElement(l.life, 'responder'), tupleElement(a.f, 'responder')) AS responder,
    tupleElement(a.f, 'object') AS post,
    tupleElement(a.f, 'load') AS load
FROM (SELECT appeal, first AS f FROM gospulse_data.appeals_g{generation} FINAL) AS a
LEFT JOIN (SELECT appeal, life FROM gospulse_data.lives_g{generation} FINAL) AS l ON a.appeal = l.appeal
SETTINGS optimize_functions_to_subcolumns = 0, join_use_nulls = 0
COMMENT 'Appeals: one row an appeal, the withdrawn ones marked. Everything but what became of it is there as soon as the worker has acknowledged it; state, times of answer, closing and withdrawal follow within seconds. Generation {generation}.';
