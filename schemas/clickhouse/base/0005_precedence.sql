-- Precedence: of several sources of one figure, which one stands. Rows are change points, as in the other registers: a
-- row is in force from its day until the next row of the same key.
CREATE TABLE IF NOT EXISTS gospulse_data.precedence {on_cluster}
(
    metric LowCardinality(String) COMMENT 'What is measured, as in readings: appeals, subscribers, reach and so on',
    entrance LowCardinality(String) COMMENT 'Entrance of the appeals; empty: every one',
    place_prefix String COMMENT 'Beginning of the codes of the places that it holds for; empty: every one. The longest prefix decides',
    source String COMMENT 'Feed; facts: the appeals that arrive one by one',
    valid_from Date COMMENT 'First local day on which the row is in force; 1970-01-01 since ever',
    rank Nullable(UInt8) COMMENT 'The lowest rank among the sources that reported stands; NULL: not listed from this day on',
    note Nullable(String) COMMENT 'Why the rule was made',
    written_at DateTime64(9, 'UTC') DEFAULT now64(9) COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (metric, entrance, place_prefix, source, valid_from)
COMMENT 'Register of precedence among the sources of a figure. Filled by the operator';
