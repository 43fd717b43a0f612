-- Outages of feeds.
CREATE OR REPLACE VIEW gospulse.source_outages {on_cluster}
(
    source String COMMENT 'Feed',
    place String COMMENT 'Municipality of the feed; 00000000 for a feed of all',
    period_from DateTime64(3, 'UTC') COMMENT 'Start (UTC), inclusive',
    period_to DateTime64(3, 'UTC') COMMENT 'End (UTC), exclusive'
)
AS
SELECT source, place, period_from, period_to
FROM gospulse.page_readings
WHERE metric = 'source_up' AND value = 0
COMMENT 'Times in which a feed said of itself that it was down (metric source_up). Generation {generation}.';
