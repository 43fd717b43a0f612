-- Kinds of institutions.
CREATE OR REPLACE VIEW gospulse.institution_kinds {on_cluster}
(
    kind String COMMENT 'Code of the kind',
    name String COMMENT 'Name'
)
AS
SELECT code AS kind, name
FROM gospulse_data.institution_kinds FINAL
WHERE {in_force}
COMMENT 'Kinds of institutions that keep pages. Generation {generation}.';
