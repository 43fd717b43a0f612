-- Places with their validity.
CREATE OR REPLACE VIEW gospulse.place_history {on_cluster}
(
    place String COMMENT 'Municipality: eight digits of OKTMO',
    valid_from Date COMMENT 'First day (Moscow) of the validity; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'First day (Moscow) after it; NULL: no end is known',
    in_force Bool COMMENT 'Whether it is in force today (Moscow)',
    name String COMMENT 'Name',
    region String COMMENT 'Code of its region',
    zone String COMMENT 'Time zone in which its days are cut',
    population Nullable(UInt32) COMMENT 'Inhabitants; NULL unknown',
    population_year Nullable(UInt16) COMMENT 'Year of that population',
    population_source Nullable(String) COMMENT 'Who published that population'
)
AS
SELECT
    place,
    valid_from,
    until AS valid_to,
    toBool(valid_from <= toDate(now('Europe/Moscow')) AND ifNull(until > toDate(now('Europe/Moscow')), true)) AS in_force,
    name,
    region,
    zone,
    population,
    population_year,
    population_source
FROM
(
    SELECT
        *,
        -- A validity ends where the next one of the same key begins.
        leadInFrame(toNullable(valid_from)) OVER (
            PARTITION BY place ORDER BY valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS until
    FROM gospulse_data.places FINAL
    WHERE state != 'cancelled'
)
WHERE state = 'in force'
COMMENT 'Places with their validity: what the register of municipalities says of each time. Generation {generation}.';
