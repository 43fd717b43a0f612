-- Appeals.
CREATE OR REPLACE VIEW gospulse.appeals {on_cluster}
(
    appeal String COMMENT 'Identity of the appeal: 32 hex digits',
    received_at DateTime64(3, 'UTC') COMMENT 'When the citizen wrote it (UTC)',
    first_seen_at DateTime64(3, 'UTC') COMMENT 'When Gospulse first saw it: append time of its earliest copy in the log (UTC)',
    first_answer_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First official reply, interim or final (UTC); NULL unanswered. An answer that names no appeal belongs to the latest open one of its conversation',
    closed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Closing, as its source dates it (UTC); NULL while open or reopened',
    withdrawn_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Withdrawal by the author or removal by the page (UTC); NULL while it stands',
    state String COMMENT 'received, assigned, interim, answered, closed, reopened, withdrawn or removed',
    page Nullable(String) COMMENT 'Public id of the page (vk:123); NULL where it came otherwise',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    channel String COMMENT 'Network, or what the source itself calls the channel',
    entrance String COMMENT 'Through which door it came; names: view entrances',
    topic Nullable(String) COMMENT 'Topic by the latest classification (housing.heating); NULL unknown. Names: view topics',
    source String COMMENT 'Feed that brought it',
    responder Nullable(String) COMMENT 'Role and body of who replied first, else of who was assigned; never a person',
    author Nullable(String) COMMENT 'Author under a rotating key; NULL where the source does not say',
    amount UInt32 COMMENT 'How many the record stands for, normally 1',
    load Nullable(String) COMMENT 'Import run that brought it; NULL for live feeds'
)
AS
SELECT
    appeal,
    tupleElement(first, 'at') AS received_at,
    tupleElement(first, 'appended') AS first_seen_at,
    tupleElement(life, 'first_answer_at') AS first_answer_at,
    tupleElement(life, 'closed_at') AS closed_at,
    tupleElement(life, 'withdrawn_at') AS withdrawn_at,
    if(tupleElement(life, 'version') = 0, 'received', tupleElement(life, 'state')) AS state,
    tupleElement(first, 'page') AS page,
    tupleElement(first, 'place') AS place,
    {region_of_place} AS region,
    tupleElement(first, 'channel') AS channel,
    tupleElement(first, 'entrance') AS entrance,
    coalesce(tupleElement(life, 'topic'), tupleElement(first, 'topic')) AS topic,
    tupleElement(first, 'source') AS source,
    coalesce(tupleElement(life, 'responder'), tupleElement(first, 'responder')) AS responder,
    tupleElement(first, 'author') AS author,
    tupleElement(first, 'amount') AS amount,
    tupleElement(first, 'load') AS load
FROM gospulse_data.appeals_g{generation} FINAL
WHERE tupleElement(first, 'id') != ''
SETTINGS optimize_functions_to_subcolumns = 0
COMMENT 'Appeals: one row an appeal, the withdrawn ones marked. Everything but what became of it is there as soon as the worker has acknowledged it; state and the times of answer, closing and withdrawal follow within seconds. Filter by received_at: other days are then not read. Generation {generation}.';
