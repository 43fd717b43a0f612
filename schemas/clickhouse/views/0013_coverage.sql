-- Coverage.
CREATE OR REPLACE VIEW gospulse.coverage {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    pages_registered UInt64 COMMENT 'Pages of the register that were in force that day',
    pages_heard UInt64 COMMENT 'Distinct pages with at least one event that day, registered or not',
    pages_registered_heard UInt64 COMMENT 'Registered pages with at least one event that day: the numerator of coverage, which adds up over places',
    coverage Nullable(Float64) COMMENT 'Registered pages that were heard, as a share of the registered ones; NULL where none is registered'
)
AS
SELECT
    day,
    place,
    {region_of_place} AS region,
    sum(registered) AS pages_registered,
    uniqExactIf(page, page != '') AS pages_heard,
    uniqExactIf(page, page != '' AND known) AS pages_registered_heard,
    if(pages_registered = 0, NULL, pages_registered_heard / pages_registered) AS coverage
FROM
(
    SELECT h.day AS day, h.place AS place, h.page AS page, toUInt64(0) AS registered,
        arrayExists(span -> h.day >= span.1 AND (span.2 IS NULL OR h.day < span.2), r.spans) AS known
    FROM (SELECT day, place, assumeNotNull(page) AS page FROM gospulse.page_day WHERE page IS NOT NULL) AS h
    LEFT JOIN
    (
        SELECT page, place, groupArray((valid_from, valid_to)) AS spans
        FROM gospulse.page_history
        GROUP BY page, place
    ) AS r ON h.page = r.page AND h.place = r.place
    UNION ALL
    -- Pages with the same validity are counted once for each day, not listed.
    SELECT days.day, p.place, '', p.pages, false
    FROM (SELECT DISTINCT day FROM gospulse.place_day) AS days
    CROSS JOIN
    (
        SELECT place, valid_from, valid_to, count() AS pages
        FROM gospulse.page_history
        GROUP BY place, valid_from, valid_to
    ) AS p
    WHERE days.day >= p.valid_from AND (p.valid_to IS NULL OR days.day < p.valid_to)
)
GROUP BY day, place
SETTINGS join_use_nulls = 0
COMMENT 'Coverage: how many of the registered pages of a municipality were heard on a local day. NULL where no register is loaded. Generation {generation}.';
