-- What is usual at an hour of the week.
CREATE OR REPLACE VIEW gospulse.usual_hours {on_cluster}
(
    hour DateTime('UTC') COMMENT 'Hour (UTC)',
    region LowCardinality(Nullable(String)) COMMENT 'Code of the region; NULL the whole country',
    appeals UInt64 COMMENT 'Appeals received in this hour so far',
    usual Nullable(Float64) COMMENT 'Median of the same hour of the week in the weeks before, eight at most; NULL where there is none',
    lower Nullable(Float64) COMMENT 'Their lower quartile',
    upper Nullable(Float64) COMMENT 'Their upper quartile',
    weeks UInt8 COMMENT 'How many weeks before are known: since the first appeal of the country'
)
AS
SELECT
    t.target AS hour,
    nullIf(t.area, 'country') AS region,
    t.now AS appeals,
    if(t.known = 0, NULL, t.quartiles[2]) AS usual,
    if(t.known = 0, NULL, t.quartiles[1]) AS lower,
    if(t.known = 0, NULL, t.quartiles[3]) AS upper,
    t.known AS weeks
FROM
(
    SELECT
        target,
        area,
        sumIf(number, week = 0) AS now,
        toUInt8(least(8, intDiv(toUInt32(target) - least(toUInt32(target), assumeNotNull((SELECT toUInt32(min(hour)) FROM gospulse_data.region_hour_g{generation} WHERE appeals > 0))), 604800))) AS known,
        arrayReduce('quantilesExactInclusive(0.25, 0.5, 0.75)', arrayResize(groupArrayIf(number, week BETWEEN 1 AND known), greatest(known, 1), toUInt64(0))) AS quartiles
    FROM
    (
        SELECT tupleElement(role, 1) AS area, tupleElement(role, 2) AS week, hour + toIntervalHour(168 * week) AS target, sum(number) AS number
        FROM
        (
            SELECT r.hour AS hour, toString(r.region) AS place_region, sum(r.appeals) AS number
            FROM (SELECT hour, region, version, appeals FROM gospulse_data.region_hour_g{generation} FINAL WHERE hour >= toStartOfHour(now('UTC')) - toIntervalDay(64)) AS r
            LEFT JOIN
            (
                SELECT period, max(version) AS head
                FROM gospulse_data.refreshed_g{generation}
                WHERE rollup = 'place_hour'
                GROUP BY period
            ) AS h ON r.hour = h.period
            WHERE r.version >= h.head
            GROUP BY hour, place_region
        )
        ARRAY JOIN arrayFlatten(arrayMap(a -> arrayMap(w -> (a, toUInt8(w)), range(9)), arrayFilter(a -> a != '', [place_region, 'country']))) AS role
        GROUP BY area, week, target
    )
    WHERE target BETWEEN toStartOfHour(now('UTC')) - toIntervalDay(8) AND toStartOfHour(now('UTC'))
    GROUP BY target, area
) AS t
COMMENT 'Usual numbers of appeals by hour of the week. One row for each hour of the last eight days and the present one, by region and for the country (region NULL). It holds the median and the quartiles of the same hour in up to eight weeks before. An hour without an appeal counts as 0. Generation {generation}.';
