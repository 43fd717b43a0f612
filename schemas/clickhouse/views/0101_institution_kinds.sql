-- Kinds of institutions.
CREATE OR REPLACE VIEW gospulse.institution_kinds {on_cluster}
(
    kind String COMMENT 'Code of the kind',
    name String COMMENT 'Name'
)
AS
SELECT code AS kind, name
FROM gospulse_data.institution_kinds FINAL
WHERE valid_to IS NULL
COMMENT 'Kinds of institutions that keep pages. Generation {generation}.';
