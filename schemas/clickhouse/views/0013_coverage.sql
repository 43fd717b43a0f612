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
    r.day AS day,
    toString(r.place) AS place,
    {region_of_place} AS region,
    r.pages_registered AS pages_registered,
    r.pages_heard AS pages_heard,
    r.registered_heard AS pages_registered_heard,
    if(r.pages_registered = 0, NULL, r.registered_heard / r.pages_registered) AS coverage
FROM
(
    SELECT * FROM gospulse_data.coverage_day_g{generation} FINAL
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
COMMENT 'Coverage: how many of the registered pages of a municipality were heard on a local day. For larger areas divide the sums. NULL where no register is loaded. It follows page_day, and a change of the register within some ten minutes. Generation {generation}.';
