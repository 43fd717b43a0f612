-- Pages by day of their place.
CREATE OR REPLACE VIEW gospulse.page_day {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    zone String COMMENT 'Time zone in which the day was cut',
    page Nullable(String) COMMENT 'Public id of the page (vk:123); NULL where it came otherwise',
    network Nullable(String) COMMENT 'Network of the page: vk, ok, tg or max; NULL where there is no page',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    {rollup_columns}
)
AS
SELECT
    r.day AS day,
    r.zone AS zone,
    nullIf(r.page, '') AS page,
    if(r.page = '', NULL, splitByChar(':', r.page)[1]) AS network,
    toString(r.place) AS place,
    CAST(r.region, 'Nullable(String)') AS region,
    {rollup_selected}
FROM
(
    SELECT * FROM gospulse_data.page_day_g{generation} FINAL
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
COMMENT 'Pages by day of their place: recomputed within a minute or so of a change. Sums of page_hour in the local time zone. Filters by region and place use the key. Generation {generation}.';
