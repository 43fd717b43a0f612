-- Municipalities by hour.
CREATE OR REPLACE VIEW gospulse.place_hour {on_cluster}
(
    hour DateTime('UTC') COMMENT 'Hour in which it happened (UTC)',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    {rollup_columns}
)
AS
SELECT
    r.hour AS hour,
    toString(r.place) AS place,
    {region_of_place} AS region,
    {rollup_selected}
FROM
(
    SELECT * FROM gospulse_data.place_hour_g{generation} FINAL
) AS r
-- Rows below the head of their period belong to an older computation.
LEFT JOIN
(
    SELECT zone, period, max(version) AS head
    FROM gospulse_data.refreshed_g{generation}
    WHERE rollup = 'place_hour'
    GROUP BY zone, period
) AS h ON r.hour = h.period
WHERE r.version >= h.head
COMMENT 'Municipalities by hour: recomputed within seconds of a change. Hours are UTC. Generation {generation}.';
