-- Regions by hour.
CREATE OR REPLACE VIEW gospulse.region_hour {on_cluster}
(
    hour DateTime('UTC') COMMENT 'Hour in which it happened (UTC)',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    {rollup_columns}
)
AS
SELECT
    r.hour AS hour,
    nullIf(toString(r.region), '') AS region,
    {rollup_selected}
FROM
(
    SELECT * FROM gospulse_data.region_hour_g{generation} FINAL
) AS r
-- Rows below the head of their period belong to an older computation.
LEFT JOIN
(
    SELECT period, max(version) AS head
    FROM gospulse_data.refreshed_g{generation}
    WHERE rollup = 'place_hour'
    GROUP BY period
) AS h ON r.hour = h.period
WHERE r.version >= h.head
COMMENT 'Regions by hour: recomputed within seconds of a change. Hours are UTC. For the country add up all rows, region NULL included. Generation {generation}.';
