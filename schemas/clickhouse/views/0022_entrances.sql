-- Entrances.
CREATE OR REPLACE VIEW gospulse.entrances {on_cluster}
(
    entrance String COMMENT 'Code',
    name String COMMENT 'Name',
    in_social_networks Bool COMMENT 'Whether it belongs to the denominator of the share through public pages'
)
AS
SELECT code AS entrance, name, in_social_networks
FROM gospulse_data.entrances FINAL
WHERE {in_force}
COMMENT 'Entrances: the doors through which appeals come. Generation {generation}.';
