-- Totals of appeals that other systems counted.
CREATE OR REPLACE VIEW gospulse.outside_totals {on_cluster}
(
    object String COMMENT 'The total''s own key',
    period_from DateTime64(3, 'UTC') COMMENT 'Start of the period (UTC), inclusive',
    period_to DateTime64(3, 'UTC') COMMENT 'End of the period (UTC), exclusive',
    day Nullable(Date) COMMENT 'Local day of a period of one day or less: the date of its middle in the zone of the place; NULL for longer periods',
    channel String COMMENT 'What the source calls the channel',
    entrance String COMMENT 'Through which door they came',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    topic Nullable(String) COMMENT 'Topic; NULL for all',
    appeals UInt64 COMMENT 'Appeals, as that system counted them',
    value UInt64 COMMENT 'The same figure under its name in the contract',
    observed_at DateTime64(3, 'UTC') COMMENT 'When it was true for its reporter (UTC)',
    source String COMMENT 'Feed that brought it',
    load Nullable(String) COMMENT 'Import run; NULL for live feeds'
)
AS
SELECT
    object,
    period_from,
    period_to,
    {day_of_period} AS day,
    ifNull(tupleElement(reading, 'channel'), '') AS channel,
    ifNull(tupleElement(reading, 'entrance'), '') AS entrance,
    tupleElement(reading, 'place') AS place,
    {region_of_place} AS region,
    tupleElement(reading, 'topic') AS topic,
    tupleElement(reading, 'value') AS appeals,
    appeals AS value,
    tupleElement(reading, 'observed_at') AS observed_at,
    toString(r.source) AS source,
    tupleElement(reading, 'load') AS load
FROM
(
    SELECT object, period_from, period_to, source, max(latest) AS reading
    FROM gospulse_data.readings_g{generation}
    WHERE metric = 'appeals'
    GROUP BY object, period_from, period_to, source
) AS r
-- A file is complete for its source and each period in it: what a later one no longer contains does not stand.
LEFT JOIN
(
    SELECT source, period_from, period_to, max(tupleElement(latest, 'complete_at')) AS newest
    FROM gospulse_data.readings_g{generation}
    WHERE metric = 'appeals'
    GROUP BY source, period_from, period_to
) AS f ON r.source = f.source AND r.period_from = f.period_from AND r.period_to = f.period_to
WHERE ifNull(tupleElement(reading, 'complete_at') = f.newest, true)
SETTINGS optimize_functions_to_subcolumns = 0
COMMENT 'Totals of appeals that other systems counted: of each source and period the latest observation. What a later file of the same source and period no longer contains is not shown. Sources are side by side: never add them up, see precedence and share_day. Generation {generation}.';
