-- Appeals by municipality and five minutes.
CREATE OR REPLACE VIEW gospulse.place_5min {on_cluster}
(
    time DateTime('UTC') COMMENT 'Start of the five minutes in which they were received (UTC)',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    appeals UInt64 COMMENT 'Appeals received, withdrawn ones included'
)
AS
SELECT
    r.time AS time,
    toString(r.place) AS place,
    {region_of_place} AS region,
    r.appeals AS appeals
FROM (SELECT * FROM gospulse_data.place_5min_g{generation} FINAL) AS r
-- Rows below the head of their hour belong to an older computation.
LEFT JOIN
(
    SELECT period, max(version) AS head
    FROM gospulse_data.refreshed_g{generation}
    WHERE rollup = 'place_hour'
    GROUP BY period
) AS h ON toStartOfHour(r.time) = h.period
WHERE r.version >= h.head
SETTINGS join_use_nulls = 0
COMMENT 'Appeals by municipality and five minutes: recomputed within seconds of a change. For topics, pages and entrances take appeals_5min. Generation {generation}.';
