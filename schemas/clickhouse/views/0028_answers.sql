-- Official replies.
CREATE OR REPLACE VIEW gospulse.answers {on_cluster}
(
    id String COMMENT 'Identity of the reply: 32 hex digits',
    at DateTime64(3, 'UTC') COMMENT 'When it was given (UTC)',
    kind String COMMENT 'appeal_interim: a promise; appeal_answered: the final answer',
    appeal Nullable(String) COMMENT 'Appeal that it belongs to; NULL unmatched: it names no appeal, message or thread that is known, or none of its thread was open',
    names String COMMENT 'What it names, the most exact: appeal, message, thread or nothing',
    page Nullable(String) COMMENT 'Public id of the page (vk:123); NULL where it came otherwise',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    channel String COMMENT 'Network, or what the source itself calls the channel',
    source String COMMENT 'Feed that brought it',
    responder Nullable(String) COMMENT 'Role and body of who replied; never a person',
    load Nullable(String) COMMENT 'Import run that brought it; NULL for live feeds'
)
AS
SELECT
    a.id AS id,
    tupleElement(a.f, 'at') AS at,
    tupleElement(a.f, 'kind') AS kind,
    nullIf(tupleElement(m.match, 'appeal'), '') AS appeal,
    multiIf(
        tupleElement(a.f, 'appeal') IS NOT NULL, 'appeal',
        tupleElement(a.f, 'reply_to') IS NOT NULL, 'message',
        tupleElement(a.f, 'thread') IS NOT NULL, 'thread',
        'nothing'
    ) AS names,
    tupleElement(a.f, 'page') AS page,
    tupleElement(a.f, 'place') AS place,
    {region_of_place} AS region,
    tupleElement(a.f, 'channel') AS channel,
    tupleElement(a.f, 'source') AS source,
    tupleElement(a.f, 'responder') AS responder,
    tupleElement(a.f, 'load') AS load
FROM (SELECT id, first AS f FROM gospulse_data.answers_g{generation} FINAL) AS a
LEFT JOIN (SELECT id, match FROM gospulse_data.matches_g{generation} FINAL) AS m ON a.id = m.id
SETTINGS optimize_functions_to_subcolumns = 0, join_use_nulls = 0
COMMENT 'Official replies: one row a reply, with the appeal that it belongs to. Unmatched ones close nothing; the appeal follows within seconds. Generation {generation}.';
