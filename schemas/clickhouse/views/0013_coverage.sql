-- Coverage.
CREATE OR REPLACE VIEW gospulse.coverage {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    pages_registered UInt64 COMMENT 'Pages of the register that were in force that day',
    pages_heard UInt64 COMMENT 'Distinct pages with at least one event that day, registered or not',
    coverage Nullable(Float64) COMMENT 'Registered pages that were heard, as a share of the registered ones; NULL where none is registered'
)
AS
SELECT
    day,
    place,
    {region_of_place} AS region,
    uniqExactIf(page, registered) AS pages_registered,
    uniqExactIf(page, heard) AS pages_heard,
    if(pages_registered = 0, NULL, uniqExactIf(page, registered AND heard) / pages_registered) AS coverage
FROM
(
    SELECT day, place, page, max(is_registered) AS registered, max(is_heard) AS heard
    FROM
    (
        SELECT day, place, assumeNotNull(page) AS page, false AS is_registered, true AS is_heard
        FROM gospulse.page_day
        WHERE page IS NOT NULL
        UNION ALL
        SELECT days.day AS day, p.place AS place, p.page AS page, true, false
        FROM (SELECT DISTINCT day FROM gospulse.place_day) AS days
        CROSS JOIN gospulse.page_history AS p
        WHERE days.day >= p.valid_from AND (p.valid_to IS NULL OR days.day < p.valid_to)
    )
    GROUP BY day, place, page
)
GROUP BY day, place
COMMENT 'Coverage: how many of the registered pages of a municipality were heard on a local day. NULL where no register is loaded. Generation {generation}.';
