-- Posts of pages.
CREATE OR REPLACE VIEW gospulse.posts {on_cluster}
(
    post String COMMENT 'Public id of the post',
    page String COMMENT 'Public id of the page (vk:123)',
    network String COMMENT 'Network of the page: vk, ok, tg or max',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    published_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was published (UTC); NULL where only its removal is known',
    removed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was removed (UTC); NULL while it stands',
    format Nullable(String) COMMENT 'text, photo, video, clip, story, article or live; NULL unknown',
    source String COMMENT 'Feed that brought it',
    load Nullable(String) COMMENT 'Import run that brought it; NULL for live feeds'
)
AS
SELECT
    post,
    tupleElement(f, 'page') AS page,
    splitByChar(':', tupleElement(f, 'page'))[1] AS network,
    tupleElement(f, 'place') AS place,
    {region_of_place} AS region,
    published_at,
    removed_at,
    nullIf(tupleElement(f, 'format'), '') AS format,
    tupleElement(f, 'source') AS source,
    nullIf(tupleElement(f, 'load'), '') AS load
FROM
(
    -- What the publication says stands before what the removal says.
    SELECT post, argMin(said, is_removal) AS f, minIf(at, is_removal = 0) AS p, minIf(at, is_removal = 1) AS r,
        if(min(is_removal) = 0, p, NULL) AS published_at, if(max(is_removal) = 1, r, NULL) AS removed_at
    FROM
    (
        SELECT
            object AS post,
            toUInt8(0) AS is_removal,
            tupleElement(first, 'at') AS at,
            CAST(tuple(tupleElement(first, 'page'), tupleElement(first, 'place'), ifNull(tupleElement(first, 'format'), ''), tupleElement(first, 'source'), ifNull(tupleElement(first, 'load'), '')), 'Tuple(page String, place String, format String, source String, load String)') AS said
        FROM gospulse_data.posts_g{generation} FINAL
        UNION ALL
        SELECT
            object,
            toUInt8(1),
            tupleElement(first, 'at'),
            CAST(tuple(tupleElement(first, 'page'), tupleElement(first, 'place'), '', tupleElement(first, 'source'), ifNull(tupleElement(first, 'load'), '')), 'Tuple(page String, place String, format String, source String, load String)')
        FROM gospulse_data.post_removals_g{generation} FINAL
    )
    GROUP BY post
)
SETTINGS optimize_functions_to_subcolumns = 0
COMMENT 'Posts of pages: one row a post, removed ones marked. Generation {generation}.';
