-- Organisations with their validity.
CREATE OR REPLACE VIEW gospulse.organisation_history {on_cluster}
(
    organisation String COMMENT 'Key of the organisation in the register',
    valid_from Date COMMENT 'First day (Moscow) of the validity; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'First day (Moscow) after it; NULL: no end is known',
    in_force Bool COMMENT 'Whether it is in force today (Moscow)',
    inn Nullable(String) COMMENT 'INN (taxpayer number), ten digits; NULL unknown',
    name String COMMENT 'Name',
    kind Nullable(String) COMMENT 'Kind of institution; NULL unknown',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    level Nullable(String) COMMENT 'federal, regional or municipal; NULL unknown',
    exempt Bool COMMENT 'Whether it need not keep pages',
    exempt_reason Nullable(String) COMMENT 'Why it need not; NULL where it must'
)
AS
SELECT
    organisation,
    valid_from,
    until AS valid_to,
    toBool(valid_from <= toDate(now('Europe/Moscow')) AND ifNull(until > toDate(now('Europe/Moscow')), true)) AS in_force,
    inn,
    name,
    kind,
    place,
    {region_of_place} AS region,
    level,
    exempt,
    exempt_reason
FROM
(
    SELECT
        *,
        -- A validity ends where the next one of the same key begins.
        leadInFrame(toNullable(valid_from)) OVER (
            PARTITION BY organisation ORDER BY valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS until
    FROM gospulse_data.organisations FINAL
    WHERE state != 'cancelled'
)
WHERE state = 'in force'
COMMENT 'Organisations with their validity: what the register says of each time. Generation {generation}.';
