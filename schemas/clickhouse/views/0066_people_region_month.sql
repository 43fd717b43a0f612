-- Active accounts by region, network and month.
CREATE OR REPLACE VIEW gospulse.people_region_month {on_cluster}
(
    month Date COMMENT 'First day of the calendar month, local to the places',
    network String COMMENT 'Network of the pages; accounts of different networks cannot be matched',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    accounts UInt64 COMMENT 'Distinct accounts that wrote, reacted, reposted, voted or used a service (sketch, error about 0.5 %). Never add them up: one account is active on several pages and days'
)
AS
SELECT
    p.begin AS month,
    toString(p.network) AS network,
    nullIf(toString(p.area), '') AS region,
    uniqCombined64Merge(p.people) AS accounts
FROM gospulse_data.people_unions_g{generation} AS p
WHERE p.period = 'month' AND p.level = 'region'
GROUP BY p.begin, p.network, p.area
COMMENT 'Active accounts by region, network and month: an account in several municipalities counts once. Generation {generation}.';
