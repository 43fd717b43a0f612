-- Places.
CREATE OR REPLACE VIEW gospulse.places {on_cluster}
(
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    name Nullable(String) COMMENT 'Name; NULL where the register has none',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    region_name Nullable(String) COMMENT 'Name of the region',
    federal_district Nullable(String) COMMENT 'Federal district',
    zone String COMMENT 'Time zone in which its days are cut',
    population Nullable(UInt32) COMMENT 'Inhabitants; NULL unknown',
    population_year Nullable(UInt16) COMMENT 'Year of that population',
    population_source Nullable(String) COMMENT 'Who published that population',
    occurred Bool COMMENT 'Whether an event carried it'
)
AS
SELECT
    p.place AS place,
    p.name AS name,
    p.area AS region,
    r.name AS region_name,
    r.federal_district AS federal_district,
    assumeNotNull(coalesce(p.known_zone, p.register_zone)) AS zone,
    p.population AS population,
    p.population_year AS population_year,
    p.population_source AS population_source,
    toBool(p.known_zone IS NOT NULL) AS occurred
FROM
(
    SELECT
        place,
        {region_of_place} AS area,
        max(t.name) AS name,
        max(t.population) AS population,
        max(t.population_year) AS population_year,
        max(t.population_source) AS population_source,
        max(t.register_zone) AS register_zone,
        max(t.event_zone) AS known_zone
    FROM
    (
        SELECT place, toNullable(name) AS name, population, population_year, population_source, toNullable(zone) AS register_zone, CAST(NULL, 'Nullable(String)') AS event_zone
        FROM gospulse.place_history
        WHERE in_force
        UNION ALL
        SELECT place, NULL, NULL, NULL, NULL, NULL, toNullable(zone)
        FROM gospulse_data.place_zones_g{generation}
    ) AS t
    GROUP BY place
) AS p
LEFT JOIN gospulse.regions AS r ON p.area = r.region
SETTINGS join_use_nulls = 1
COMMENT 'Places: the municipalities of the register that are in force today and every other place that occurred. Generation {generation}.';
