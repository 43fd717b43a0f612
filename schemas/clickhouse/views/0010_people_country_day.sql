-- Active accounts by network and local day in the whole country.
CREATE OR REPLACE VIEW gospulse.people_country_day {on_cluster}
(
    day Date COMMENT 'Local day of the places',
    network String COMMENT 'Network of the pages; accounts of different networks cannot be matched',
    accounts UInt64 COMMENT 'Distinct accounts that wrote, reacted, reposted, voted or used a service (sketch, error about 0.5 %). Never add them up: one account is active on several pages and days'
)
AS
SELECT
    p.begin AS day,
    toString(p.network) AS network,
    uniqCombined64Merge(p.people) AS accounts
FROM gospulse_data.people_unions_g{generation} AS p
WHERE p.period = 'day' AND p.level = 'country'
GROUP BY p.begin, p.network, p.area
COMMENT 'Active accounts by network and local day in the whole country: days are the local ones of the places. Generation {generation}.';
