-- Regions of Russia.
CREATE OR REPLACE VIEW gospulse.regions {on_cluster}
(
    region String COMMENT 'Code: eight digits of OKTMO',
    name String COMMENT 'Name',
    federal_district Nullable(String) COMMENT 'Federal district',
    zone String COMMENT 'Time zone of the capital',
    prefix String COMMENT 'What the codes of its municipalities begin with; the longest prefix decides',
    note Nullable(String) COMMENT 'What is not certain',
    valid_from Date COMMENT 'Since when the row is in force; 1970-01-01 since ever'
)
AS
SELECT code AS region, name, federal_district, zone, prefix, note, valid_from
FROM gospulse_data.regions FINAL
WHERE {in_force}
COMMENT 'Regions of Russia. Generation {generation}.';
