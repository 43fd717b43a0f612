-- Topics in two levels.
CREATE OR REPLACE VIEW gospulse.topics {on_cluster}
(
    topic String COMMENT 'Code: a top one (housing) or a leaf (housing.heating)',
    parent Nullable(String) COMMENT 'Top topic of a leaf; NULL for a top one',
    name String COMMENT 'Name'
)
AS
SELECT code AS topic, parent, name
FROM gospulse_data.topics FINAL
WHERE {in_force}
COMMENT 'Topics in two levels. Generation {generation}.';
