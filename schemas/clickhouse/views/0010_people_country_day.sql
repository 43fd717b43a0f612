-- Active accounts of the country by network.
CREATE OR REPLACE VIEW gospulse.people_country_day {on_cluster}
(
    day Date COMMENT 'Local day of the places',
    network String COMMENT 'Network of the pages; accounts of different networks cannot be matched',
    accounts UInt64 COMMENT 'Distinct accounts that wrote, reacted, reposted, voted or used a service (sketch, error about 0.5 %). Never add them up: one account is active on several pages and days'
)
AS
SELECT
    day,
    splitByChar(':', page)[1] AS network,
    uniqCombined64Merge(people) AS accounts
FROM gospulse_data.people_day_g{generation}
WHERE page != ''
GROUP BY day, network
COMMENT 'Active accounts of the country by network: days are the local ones of the places. Generation {generation}.';
