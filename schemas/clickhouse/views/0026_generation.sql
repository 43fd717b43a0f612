-- The generation that every view reads, and the others that exist.
CREATE OR REPLACE VIEW gospulse.generation {on_cluster}
(
    generation UInt32 COMMENT 'Number',
    shown Bool COMMENT 'Whether the views read it',
    state String COMMENT 'building, active or retired',
    since DateTime64(3, 'UTC') COMMENT 'Since when it is in that state (UTC)',
    definition String COMMENT 'What its rows depend on: fold, chunk, window, zones, stamps, excluded loads, cut (JSON)'
)
AS
SELECT
    generation,
    toBool(generation = {generation}) AS shown,
    tupleElement(s, 'name') AS state,
    tupleElement(s, 'changed_at') AS since,
    tupleElement(d, 'json') AS definition
FROM
(
    SELECT generation, max(g.state) AS s, max(g.definition) AS d
    FROM gospulse_data.generations AS g
    GROUP BY generation
)
COMMENT 'The generation that every view reads, and the others that exist. Generation {generation}.';
