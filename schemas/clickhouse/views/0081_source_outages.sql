-- Outages of feeds.
CREATE OR REPLACE VIEW gospulse.source_outages {on_cluster}
(
    source String COMMENT 'Feed',
    place String COMMENT 'Municipality of the feed; 00000000 for a feed of all',
    period_from DateTime64(3, 'UTC') COMMENT 'Start (UTC), inclusive',
    period_to DateTime64(3, 'UTC') COMMENT 'End (UTC), exclusive'
)
AS
SELECT source, tupleElement(latest, 'place') AS place, period_from, period_to
FROM gospulse_data.readings_g{generation} FINAL
WHERE metric = 'source_up' AND tupleElement(latest, 'value') = 0
SETTINGS optimize_functions_to_subcolumns = 0
COMMENT 'Times in which a feed said of itself that it was down (metric source_up). Generation {generation}.';
