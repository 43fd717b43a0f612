-- Answer times, censored.
CREATE OR REPLACE VIEW gospulse.answer_times {on_cluster}
(
    appeal String COMMENT 'Identity of the appeal',
    received_at DateTime64(3, 'UTC') COMMENT 'When the citizen wrote it (UTC)',
    page Nullable(String) COMMENT 'Public id of the page (vk:123); NULL where it came otherwise',
    place LowCardinality(String) COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region LowCardinality(Nullable(String)) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    channel LowCardinality(String) COMMENT 'Network, or what the source itself calls the channel',
    entrance LowCardinality(String) COMMENT 'Through which door it came',
    topic LowCardinality(Nullable(String)) COMMENT 'Topic by the latest classification; NULL unknown',
    nature LowCardinality(Nullable(String)) COMMENT 'complaint, question, proposal or thanks, by the latest classification; NULL unknown',
    urgent Bool COMMENT 'Whether its source marked it as urgent',
    responder LowCardinality(Nullable(String)) COMMENT 'Role and body of who replied first, else of who was assigned',
    outcome LowCardinality(String) COMMENT 'withdrawn by its author; removed by the page after a reply; answered; closed without a reply; waiting, also where the page removed it without a reply',
    first_answer_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First official reply (UTC); NULL unanswered',
    answer_s Float64 COMMENT 'Seconds to the first reply, at least 0; infinite where there is none',
    ended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First reply, else withdrawal, else closing (UTC); NULL while the appeal waits: its age is then the time since received_at',
    limit_s Float64 COMMENT 'Seconds within which a reply is on time (setting answer_limit_h)',
    in_time Nullable(Bool) COMMENT 'Whether a reply came in time; NULL while that is open, and where the appeal was withdrawn, removed or closed before the limit without a reply'
)
AS
SELECT
    r.appeal AS appeal,
    r.received_at AS received_at,
    nullIf(r.page, '') AS page,
    r.place AS place,
    r.region AS region,
    r.channel AS channel,
    r.entrance AS entrance,
    r.topic AS topic,
    r.nature AS nature,
    r.urgent AS urgent,
    r.responder AS responder,
    r.outcome AS outcome,
    nullIf(r.first_answer_at, toDateTime64(0, 3, 'UTC')) AS first_answer_at,
    if(r.replied, greatest(0, toUnixTimestamp64Milli(r.ended_at) - toUnixTimestamp64Milli(r.received_at)) / 1000, inf) AS answer_s,
    nullIf(r.ended_at, toDateTime64(0, 3, 'UTC')) AS ended_at,
    toFloat64({answer_limit_h} * 3600) AS limit_s,
    -- Whole milliseconds: they are compared several times faster than times to which hours are added.
    multiIf(
        r.replied AND (toUnixTimestamp64Milli(if(r.outcome = 'waiting', now64(3, 'UTC'), r.ended_at)) - toUnixTimestamp64Milli(r.received_at) AS lasted_ms) <= {answer_limit_h} * 3600000, true,
        lasted_ms >= {answer_limit_h} * 3600000, false,
        NULL
    ) AS in_time
FROM {shown_appeals} AS r
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Answer times, censored: one row an appeal, the unanswered ones included. For a median take quantileExact(0.5)(answer_s): it is infinite where more than half are unanswered, and leaving them out would make the slowest look fast. Leave the outcomes withdrawn and removed out. An appeal that the page removed without a reply waits for ever: removing it does not mend a rating. Generation {generation}.';
