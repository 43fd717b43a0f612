-- Pages.
CREATE OR REPLACE VIEW gospulse.pages {on_cluster}
(
    page String COMMENT 'Public id of the page',
    network String COMMENT 'vk, ok, tg or max',
    name Nullable(String) COMMENT 'Public name; NULL where the register has none',
    kind Nullable(String) COMMENT 'Kind of institution; NULL unknown',
    organisation Nullable(String) COMMENT 'Organisation that keeps it, by the register',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    registered Bool COMMENT 'Whether it is in force in the register',
    first_day Nullable(Date) COMMENT 'First local day with an event; NULL never',
    last_day Nullable(Date) COMMENT 'Last local day with an event; NULL never',
    last_post_day Nullable(Date) COMMENT 'Last local day with a post; NULL never',
    subscribers Nullable(UInt64) COMMENT 'Subscribers by the latest reading; NULL unknown',
    subscribers_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When that was observed (UTC)'
)
AS
SELECT
    t.page AS page,
    splitByChar(':', t.page)[1] AS network,
    t.page_name AS name,
    t.page_kind AS kind,
    t.page_organisation AS organisation,
    ifNull(t.where, '00000000') AS place,
    {region_of_place} AS region,
    toBool(t.is_registered) AS registered,
    t.first AS first_day,
    t.last AS last_day,
    t.last_post AS last_post_day,
    s.value AS subscribers,
    s.observed AS subscribers_at
FROM
(
    SELECT
        page,
        max(name) AS page_name,
        max(kind) AS page_kind,
        max(organisation) AS page_organisation,
        -- The register knows better than the last event where a page belongs.
        coalesce(maxIf(place, registered), argMax(place, day)) AS where,
        max(registered) AS is_registered,
        min(day) AS first,
        max(day) AS last,
        maxIf(day, posts > 0) AS last_post
    FROM
    (
        SELECT page, toNullable(name) AS name, kind, organisation, toNullable(place) AS place, true AS registered, CAST(NULL, 'Nullable(Date)') AS day, toUInt64(0) AS posts
        FROM gospulse_data.pages FINAL
        WHERE valid_to IS NULL
        UNION ALL
        SELECT assumeNotNull(page), NULL, NULL, NULL, toNullable(place), false, toNullable(day), post_published
        FROM gospulse.page_day
        WHERE page IS NOT NULL
    )
    GROUP BY page
) AS t
LEFT JOIN
(
    SELECT
        assumeNotNull(page) AS page,
        argMax(value, (observed_at, period_to)) AS value,
        max(observed_at) AS observed
    FROM gospulse.page_readings
    WHERE metric = 'subscribers' AND page IS NOT NULL
    GROUP BY page
) AS s ON t.page = s.page
SETTINGS join_use_nulls = 1
COMMENT 'Pages: those of the register and every other page that occurred. Generation {generation}.';
