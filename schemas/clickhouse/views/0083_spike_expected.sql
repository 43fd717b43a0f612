-- What the spike detector expects.
CREATE OR REPLACE VIEW gospulse.spike_expected {on_cluster}
(
    series String COMMENT 'Code of the municipality or region, name of the federal district, RU for the country',
    level String COMMENT 'municipality, region, district or country',
    name Nullable(String) COMMENT 'Name of the territory; NULL where no register has one',
    hour DateTime('UTC') COMMENT 'Hour (UTC)',
    expected Float32 COMMENT 'Appeals that are usual in this hour, before what is common to the neighbours of the moment',
    low Float32 COMMENT 'Lower end of the interval that holds 95 of 100 ordinary hours',
    high Float32 COMMENT 'Its upper end'
)
AS
SELECT
    e.series AS series,
    toString(e.level) AS level,
    multiIf(level = 'municipality', p.name, level = 'region', r.name, level = 'country', 'Россия', series) AS name,
    e.hour AS hour,
    e.expected AS expected,
    e.low AS low,
    e.high AS high
FROM (SELECT series, level, hour, expected, low, high FROM gospulse_data.spike_expected FINAL) AS e
LEFT JOIN (SELECT place, name FROM gospulse.places) AS p ON e.series = p.place
LEFT JOIN (SELECT region, name FROM gospulse.regions) AS r ON e.series = r.region
SETTINGS join_use_nulls = 1
COMMENT 'What the spike detector expects of each territory by hour; learnt every night for two days. Generation {generation}.';
