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
        -- A fact counts in the hour of its earliest copy.
        SELECT
            hour,
            tupleElement(f, 'page') AS page,
            tupleElement(f, 'place') AS place,
            tupleElement(f, 'kind') AS kind,
            tupleElement(f, 'entrance') AS entrance
        FROM
        (
            SELECT hour, min(first) AS f, min(standing) AS s
            FROM gospulse_data.fact_hours_g{generation}
            WHERE fact IN ('appeals', 'answers', 'appeal_changes')
            GROUP BY hour, fact, key
        )
        WHERE tupleElement(f, 'log') < 65535
            AND (tupleElement(f, 'log'), tupleElement(f, 'part'), tupleElement(f, 'off')) <= s
    )
    GROUP BY hour, page, place
) AS r
GROUP BY hour, r.page, place
SETTINGS optimize_functions_to_subcolumns = 0
COMMENT 'Pages by hour: appeals and answers from facts, engagement from the counters, as soon as they are acknowledged. Hours are UTC. A page without events in an hour has no row. Generation {generation}.';
