-- Pages by hour.
CREATE OR REPLACE VIEW gospulse.page_hour {on_cluster}
(
    hour DateTime('UTC') COMMENT 'Hour in which it happened (UTC)',
    page Nullable(String) COMMENT 'Public id of the page (vk:123); NULL where it came otherwise',
    network Nullable(String) COMMENT 'Network of the page: vk, ok, tg or max; NULL where there is no page',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    {rollup_columns}
)
AS
SELECT
    hour,
    nullIf(r.page, '') AS page,
    if(r.page = '', NULL, splitByChar(':', r.page)[1]) AS network,
    place,
    {region_of_place} AS region,
    {rollup_sums}
FROM
(
    -- Cells hold the count of a chunk so far: the highest within a chunk, then the sum over chunks.
    SELECT
        hour,
        page,
        toString(place) AS place,
        {rollup_fact_zeros},
        {rollup_counter_sums}
    FROM
    (
        SELECT
            hour,
            page,
            place,
            {rollup_counter_maxima}
        FROM gospulse_data.page_hour_g{generation}
        GROUP BY hour, place, page, log, part, chunk
    ) AS r
    GROUP BY hour, place, page
    UNION ALL
    SELECT
        hour,
        page,
        place,
        {rollup_fact_counts},
        {rollup_counter_zeros}
    FROM
    (
        SELECT
            toDateTime(toStartOfHour(tupleElement(first, 'at')), 'UTC') AS hour,
            ifNull(tupleElement(first, 'page'), '') AS page,
            tupleElement(first, 'place') AS place,
            'appeal_received' AS kind,
            tupleElement(first, 'entrance') AS entrance
        FROM gospulse_data.appeals_g{generation} FINAL
        WHERE tupleElement(first, 'id') != ''
        UNION ALL
        SELECT
            toDateTime(toStartOfHour(tupleElement(first, 'at')), 'UTC') AS hour,
            ifNull(tupleElement(first, 'page'), '') AS page,
            tupleElement(first, 'place') AS place,
            tupleElement(first, 'kind') AS kind,
            '' AS entrance
        FROM gospulse_data.answers_g{generation} FINAL
        UNION ALL
        SELECT
            toDateTime(toStartOfHour(tupleElement(first, 'at')), 'UTC') AS hour,
            ifNull(tupleElement(first, 'page'), '') AS page,
            tupleElement(first, 'place') AS place,
            tupleElement(first, 'kind') AS kind,
            '' AS entrance
        FROM gospulse_data.appeal_changes_g{generation} FINAL
    )
    GROUP BY hour, page, place
) AS r
GROUP BY hour, r.page, place
SETTINGS optimize_functions_to_subcolumns = 0
COMMENT 'Pages by hour: appeals and answers from facts, engagement from the counters, as soon as they are acknowledged. Hours are UTC. A page without events in an hour has no row. Generation {generation}.';
