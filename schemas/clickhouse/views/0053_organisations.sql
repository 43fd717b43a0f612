-- Organisations.
CREATE OR REPLACE VIEW gospulse.organisations {on_cluster}
(
    organisation String COMMENT 'Key of the organisation in the register',
    inn Nullable(String) COMMENT 'INN (taxpayer number), ten digits; NULL unknown',
    name String COMMENT 'Name',
    kind Nullable(String) COMMENT 'Kind of institution; NULL unknown',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    level Nullable(String) COMMENT 'federal, regional or municipal; NULL unknown',
    exempt Bool COMMENT 'Whether it need not keep pages',
    exempt_reason Nullable(String) COMMENT 'Why it need not; NULL where it must',
    pages UInt64 COMMENT 'Pages in force that it keeps',
    networks Array(String) COMMENT 'Networks in which it keeps a page',
    without_page Bool COMMENT 'Whether it must keep pages and keeps none',
    valid_from Date COMMENT 'Since when the row is in force; 1970-01-01 since ever'
)
AS
SELECT
    o.organisation AS organisation,
    o.inn AS inn,
    o.name AS name,
    o.kind AS kind,
    o.place AS place,
    o.region AS region,
    o.level AS level,
    o.exempt AS exempt,
    o.exempt_reason AS exempt_reason,
    ifNull(p.number, 0) AS pages,
    p.found AS networks,
    toBool(NOT o.exempt AND pages = 0) AS without_page,
    o.valid_from AS valid_from
FROM (SELECT * FROM gospulse.organisation_history WHERE in_force) AS o
LEFT JOIN
(
    SELECT assumeNotNull(organisation) AS organisation, count() AS number, arraySort(groupUniqArray(network)) AS found
    FROM gospulse.page_history
    WHERE organisation IS NOT NULL AND in_force
    GROUP BY organisation
) AS p ON o.organisation = p.organisation
SETTINGS join_use_nulls = 0
COMMENT 'Organisations: those in force today that must keep pages or are exempt, with the pages that they keep. Generation {generation}.';
