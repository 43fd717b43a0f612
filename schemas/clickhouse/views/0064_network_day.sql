-- Municipalities by network and local day.
CREATE OR REPLACE VIEW gospulse.network_day {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    zone String COMMENT 'Time zone in which the day was cut',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    network Nullable(String) COMMENT 'Network of the page: vk, ok, tg or max; NULL where there is no page',
    pages UInt64 COMMENT 'Pages with at least one event',
    {rollup_columns}
)
AS
SELECT
    r.day AS day,
    r.zone AS zone,
    toString(r.place) AS place,
    {region_of_place} AS region,
    nullIf(toString(r.network), '') AS network,
    r.pages AS pages,
    {rollup_selected}
FROM
(
    SELECT * FROM gospulse_data.network_day_g{generation} FINAL
) AS r
-- Rows below the head of their period belong to an older computation.
LEFT JOIN
(
    SELECT toDate(period, 'UTC') AS day, zone, max(version) AS head
    FROM gospulse_data.refreshed_g{generation}
    WHERE rollup = 'page_day'
    GROUP BY zone, period
) AS h ON r.day = h.day AND r.zone = h.zone
WHERE r.version >= h.head
COMMENT 'Municipalities by network and local day: sums of page_day, recomputed together with it. Generation {generation}.';
