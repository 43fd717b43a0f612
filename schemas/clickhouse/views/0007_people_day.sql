-- Active accounts by page and local day.
CREATE OR REPLACE VIEW gospulse.people_day {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    page String COMMENT 'Public id of the page',
    network String COMMENT 'Network of the pages; accounts of different networks cannot be matched',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    accounts UInt64 COMMENT 'Distinct accounts that wrote, reacted, reposted, voted or used a service (sketch, error about 0.5 %). Never add them up: one account is active on several pages and days'
)
AS
SELECT
    day,
    page,
    splitByChar(':', page)[1] AS network,
    toString(p.place) AS place,
    {region_of_place} AS region,
    uniqCombined64Merge(people) AS accounts
FROM gospulse_data.people_day_g{generation} AS p
WHERE page != ''
GROUP BY day, page, p.place
COMMENT 'Active accounts by page and local day. Generation {generation}.';
