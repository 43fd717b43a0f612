-- Active accounts by network and month in the whole country.
CREATE OR REPLACE VIEW gospulse.people_country_month {on_cluster}
(
    month Date COMMENT 'First day of the calendar month, local to the places',
    network String COMMENT 'Network of the pages; accounts of different networks cannot be matched',
    accounts UInt64 COMMENT 'Distinct accounts that wrote, reacted, reposted, voted or used a service (sketch, error about 0.5 %). Never add them up: one account is active on several pages and days'
)
AS
SELECT
    p.begin AS month,
    toString(p.network) AS network,
    uniqCombined64Merge(p.people) AS accounts
FROM gospulse_data.people_unions_g{generation} AS p
WHERE p.period = 'month' AND p.level = 'country'
GROUP BY p.begin, p.network, p.area
COMMENT 'Active accounts by network and month in the whole country: an account in several regions counts once. Generation {generation}.';
