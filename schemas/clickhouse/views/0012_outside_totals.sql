-- Totals of appeals that other systems counted.
CREATE OR REPLACE VIEW gospulse.outside_totals {on_cluster}
(
    object String COMMENT 'The total''s own key',
    period_from DateTime64(3, 'UTC') COMMENT 'Start of the period (UTC), inclusive',
    period_to DateTime64(3, 'UTC') COMMENT 'End of the period (UTC), exclusive',
    day Nullable(Date) COMMENT 'Local day of a period of one day or less: the date of its middle, which is the same in UTC as in every zone from UTC-11 to UTC+12; NULL for longer periods',
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
    if(dateDiff('hour', period_from, period_to) <= 25, toDate(period_from + toIntervalSecond(intDiv(dateDiff('second', period_from, period_to), 2)), 'UTC'), NULL) AS day,
    ifNull(tupleElement(latest, 'channel'), '') AS channel,
    ifNull(tupleElement(latest, 'entrance'), '') AS entrance,
    tupleElement(latest, 'place') AS place,
    {region_of_place} AS region,
    tupleElement(latest, 'topic') AS topic,
    tupleElement(latest, 'value') AS appeals,
    appeals AS value,
    tupleElement(latest, 'observed_at') AS observed_at,
    tupleElement(latest, 'source') AS source,
    tupleElement(latest, 'load') AS load
FROM gospulse_data.readings_g{generation} FINAL
WHERE metric = 'appeals'
SETTINGS optimize_functions_to_subcolumns = 0
COMMENT 'Totals of appeals that other systems counted: the latest observation of each period. They are nobody''s facts here and must not describe appeals that also arrive one by one. Generation {generation}.';
