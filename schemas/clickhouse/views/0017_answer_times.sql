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
    outcome String COMMENT 'withdrawn by its author; removed by the page after a reply; answered; closed without a reply; waiting, also where the page removed it without a reply',
    first_answer_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First official reply (UTC); NULL unanswered',
    answer_s Float64 COMMENT 'Seconds to the first reply, at least 0; infinite where there is none',
    ended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First reply, else withdrawal, else closing (UTC); NULL while the appeal waits: its age is then the time since received_at',
    limit_s Float64 COMMENT 'Seconds within which a reply is on time (setting answer_limit_h)',
    in_time Nullable(Bool) COMMENT 'Whether a reply came in time; NULL while that is open, and where the appeal was withdrawn, removed or closed before the limit without a reply'
)
AS
SELECT
    appeal,
    received_at,
    page,
    place,
    region,
    channel,
    entrance,
    topic,
    nature,
    urgent,
    responder,
    multiIf(
        state = 'withdrawn', 'withdrawn',
        state = 'removed' AND first_answer_at IS NOT NULL, 'removed',
        first_answer_at IS NOT NULL, 'answered',
        closed_at IS NOT NULL AND state != 'removed', 'closed',
        'waiting'
    ) AS outcome,
    first_answer_at,
    if(first_answer_at IS NULL, inf, greatest(0, dateDiff('millisecond', received_at, assumeNotNull(first_answer_at)) / 1000)) AS answer_s,
    if(outcome = 'waiting', NULL, coalesce(first_answer_at, withdrawn_at, closed_at)) AS ended_at,
    toFloat64({answer_limit_h} * 3600) AS limit_s,
    multiIf(
        answer_s <= limit_s, true,
        dateDiff('second', received_at, coalesce(ended_at, now64(3, 'UTC'))) >= limit_s, false,
        NULL
    ) AS in_time
FROM gospulse.appeals
COMMENT 'Answer times, censored: one row an appeal, the unanswered ones included. For a median take quantileExact(0.5)(answer_s): it is infinite where more than half are unanswered, and leaving them out would make the slowest look fast. Leave the outcomes withdrawn and removed out. An appeal that the page removed without a reply waits for ever: removing it does not mend a rating. Generation {generation}.';
