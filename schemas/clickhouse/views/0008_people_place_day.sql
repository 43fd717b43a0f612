-- Active accounts by municipality, network and local day.
CREATE OR REPLACE VIEW gospulse.people_place_day {on_cluster}
(
    day Date COMMENT 'Local day of the place',
    network String COMMENT 'Network of the pages; accounts of different networks cannot be matched',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    accounts UInt64 COMMENT 'Distinct accounts that wrote, reacted, reposted, voted or used a service (sketch, error about 0.5 %). Never add them up: one account is active on several pages and days'
)
AS
SELECT
    p.begin AS day,
    toString(p.network) AS network,
    toString(p.area) AS place,
    {region_of_place} AS region,
    uniqCombined64Merge(p.people) AS accounts
FROM gospulse_data.people_unions_g{generation} AS p
WHERE p.period = 'day' AND p.level = 'place'
GROUP BY p.begin, p.network, p.area
COMMENT 'Active accounts by municipality, network and local day: an account on several pages counts once. Generation {generation}.';
