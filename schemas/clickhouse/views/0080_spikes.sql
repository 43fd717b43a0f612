-- Spikes.
CREATE OR REPLACE VIEW gospulse.spikes {on_cluster}
(
    id String COMMENT 'Identity of the episode',
    series String COMMENT 'Code of the municipality or region, name of the federal district, RU for the country',
    level String COMMENT 'municipality, region, district or country',
    name Nullable(String) COMMENT 'Name of the territory; NULL where no register has one',
    region Nullable(String) COMMENT 'Region of a municipality, or the region itself; NULL above',
    population Nullable(UInt32) COMMENT 'Inhabitants of the municipality; NULL unknown or not a municipality',
    since DateTime('UTC') COMMENT 'Evaluation that opened the episode (UTC)',
    state String COMMENT 'open or closed',
    closed_at Nullable(DateTime('UTC')) COMMENT 'Evaluation that closed it (UTC); NULL while it is open',
    evaluated_at DateTime('UTC') COMMENT 'Latest evaluation (UTC)',
    window_h UInt8 COMMENT 'Length of the most unusual window, hours',
    observed UInt64 COMMENT 'Appeals in that window',
    expected Float64 COMMENT 'Appeals that are usual in that window at this moment',
    alarms Float64 COMMENT 'False alarms per series and day that a result as extreme as this one would bring (E)',
    best_alarms Float64 COMMENT 'The least E of the episode',
    authors UInt64 COMMENT 'Distinct accounts in that window',
    nature String COMMENT 'spike; one_author: one account wrote most; bulk_entry: entered at once through one entrance',
    push Bool COMMENT 'Whether anybody is alerted: a spike of at least three accounts',
    reason String COMMENT 'What happened, in Russian',
    pages Array(Tuple(page String, appeals UInt64)) COMMENT 'Pages that carry it, most appeals first',
    topics Array(Tuple(topic String, appeals UInt64)) COMMENT 'Topics that carry it',
    entrances Array(Tuple(entrance String, appeals UInt64)) COMMENT 'Entrances that carry it',
    decision Nullable(String) COMMENT 'Latest decision: accept, confirm, dismiss or hand_over; NULL none',
    decided_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When that was decided (UTC)',
    why Nullable(String) COMMENT 'Its reason',
    accept_link Nullable(String) COMMENT 'Link that accepts the episode, works once; NULL expired, or no public address is set',
    dismiss_link Nullable(String) COMMENT 'Link that dismisses it',
    hand_over_link Nullable(String) COMMENT 'Link that hands it over',
    after_appeals Nullable(UInt64) COMMENT 'Aftermath: appeals of the whole episode; NULL until it is computed',
    after_usual Nullable(Float64) COMMENT 'Aftermath: appeals that were usual in that time',
    peak_hour Nullable(DateTime('UTC')) COMMENT 'Aftermath: hour with most appeals (UTC)',
    peak Nullable(UInt64) COMMENT 'Aftermath: appeals of that hour',
    hours Nullable(Float64) COMMENT 'Aftermath: hours from the opening to the last unusual evaluation',
    half_after_h Nullable(Float64) COMMENT 'Aftermath: hours from the peak until an hour had half of it or less; NULL never',
    first_post_h Nullable(Float64) COMMENT 'Aftermath: hours from the opening to the first post of an affected page; NULL none',
    silent_pages Array(String) COMMENT 'Aftermath: affected pages that did not post within a day',
    answered Nullable(UInt64) COMMENT 'Aftermath: appeals of the episode that got an official answer'
)
AS
SELECT
    e.id AS id,
    e.series AS series,
    e.level AS level,
    multiIf(e.level = 'municipality', p.name, e.level = 'region', r.name, e.level = 'country', 'Россия', e.series) AS name,
    multiIf(e.level = 'municipality', p.region, e.level = 'region', e.series, NULL) AS region,
    p.population AS population,
    e.since AS since,
    tupleElement(e.now, 'state') AS state,
    tupleElement(e.now, 'closed_at') AS closed_at,
    tupleElement(e.now, 'evaluated') AS evaluated_at,
    tupleElement(e.now, 'window_h') AS window_h,
    tupleElement(e.now, 'observed') AS observed,
    tupleElement(e.now, 'expected') AS expected,
    tupleElement(e.now, 'alarms') AS alarms,
    tupleElement(e.now, 'best_alarms') AS best_alarms,
    tupleElement(e.now, 'authors') AS authors,
    tupleElement(e.now, 'nature') AS nature,
    tupleElement(e.now, 'push') AS push,
    tupleElement(e.now, 'reason') AS reason,
    tupleElement(e.now, 'pages') AS pages,
    tupleElement(e.now, 'topics') AS topics,
    tupleElement(e.now, 'entrances') AS entrances,
    d.decision AS decision,
    d.decided AS decided_at,
    d.why AS why,
    k.accept AS accept_link,
    k.dismiss AS dismiss_link,
    k.hand_over AS hand_over_link,
    if(computed, tupleElement(e.after, 'appeals'), NULL) AS after_appeals,
    if(computed, tupleElement(e.after, 'usual'), NULL) AS after_usual,
    if(computed, tupleElement(e.after, 'peak_hour'), NULL) AS peak_hour,
    if(computed, tupleElement(e.after, 'peak'), NULL) AS peak,
    if(computed, tupleElement(e.after, 'hours'), NULL) AS hours,
    if(computed, tupleElement(e.after, 'half_after_h'), NULL) AS half_after_h,
    if(computed, tupleElement(e.after, 'first_post_h'), NULL) AS first_post_h,
    tupleElement(e.after, 'silent_pages') AS silent_pages,
    if(computed, tupleElement(e.after, 'answered'), NULL) AS answered
FROM
(
    SELECT
        id,
        any(series) AS series,
        any(level) AS level,
        any(since) AS since,
        max(latest) AS now,
        max(aftermath) AS after,
        tupleElement(after, 'computed') > toDateTime(0, 'UTC') AS computed
    FROM gospulse_data.spikes
    GROUP BY id
) AS e
LEFT JOIN
(
    SELECT id, argMax(decision, at) AS decision, max(at) AS decided, argMax(why, at) AS why
    FROM gospulse_data.spike_decisions
    GROUP BY id
) AS d ON e.id = d.id
LEFT JOIN
(
    SELECT id, any(accept) AS accept, any(dismiss) AS dismiss, any(hand_over) AS hand_over
    FROM gospulse_data.spike_links
    WHERE expires > now()
    GROUP BY id
) AS k ON e.id = k.id
LEFT JOIN (SELECT place, name, region, population FROM gospulse.places) AS p ON e.series = p.place
LEFT JOIN (SELECT region, name FROM gospulse.regions) AS r ON e.series = r.region
SETTINGS join_use_nulls = 1
COMMENT 'Spikes: episodes of unusually many appeals, with what carries them, what was decided and what became of them. Generation {generation}.';
