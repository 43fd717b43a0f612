-- Pages.
CREATE OR REPLACE VIEW gospulse.pages {on_cluster}
(
    page String COMMENT 'Public id of the page',
    network String COMMENT 'vk, ok, tg or max',
    name Nullable(String) COMMENT 'Public name; NULL where the register has none',
    kind Nullable(String) COMMENT 'Kind of institution; NULL unknown',
    organisation Nullable(String) COMMENT 'Organisation that keeps it, by the register',
    organisation_name Nullable(String) COMMENT 'Name of that organisation; NULL unknown',
    official Nullable(String) COMMENT 'Office whose holder keeps it: governor, mayor, minister or other_official; NULL for a page of an organisation',
    class Nullable(String) COMMENT 'flagship, active or card; NULL unknown',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    registered Bool COMMENT 'Whether it is in force in the register today (Moscow)',
    created Nullable(Bool) COMMENT 'Sign of the official rating: the page is created; NULL unknown',
    gos_mark Nullable(Bool) COMMENT 'Sign of the official rating: it bears the mark of a state organisation; NULL unknown',
    pos_component Nullable(Bool) COMMENT 'Sign of the official rating: connected to the component for public pages of the feedback platform (POS); NULL unknown',
    pos_widget Nullable(Bool) COMMENT 'Sign of the official rating: it shows the widget of the feedback platform (POS); NULL unknown',
    comments_open Nullable(Bool) COMMENT 'Sign of the official rating: citizens can comment; NULL unknown',
    administrators_appointed Nullable(Bool) COMMENT 'Sign of the official rating: its administrators are appointed; NULL unknown',
    administrators_trained Nullable(Bool) COMMENT 'Sign of the official rating: its administrators are trained; NULL unknown',
    mini_apps Nullable(Bool) COMMENT 'Sign of the official rating: mini-applications are enabled; NULL unknown',
    first_day Nullable(Date) COMMENT 'First local day with an event, by whatever copy; NULL never',
    last_day Nullable(Date) COMMENT 'Last local day with an event; NULL never',
    last_post_day Nullable(Date) COMMENT 'Last local day with a post; NULL never',
    subscribers Nullable(UInt64) COMMENT 'Subscribers by the latest reading; NULL unknown',
    subscribers_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When that was observed (UTC)'
)
AS
SELECT
    t.page AS page,
    splitByChar(':', t.page)[1] AS network,
    t.name AS name,
    coalesce(t.kind, n.kind) AS kind,
    t.organisation AS organisation,
    n.name AS organisation_name,
    t.official AS official,
    t.class AS class,
    t.place AS place,
    {region_of_place} AS region,
    toBool(t.registered) AS registered,
    t.created AS created,
    t.gos_mark AS gos_mark,
    t.pos_component AS pos_component,
    t.pos_widget AS pos_widget,
    t.comments_open AS comments_open,
    t.administrators_appointed AS administrators_appointed,
    t.administrators_trained AS administrators_trained,
    t.mini_apps AS mini_apps,
    nullIf(t.begun, toDate(0)) AS first_day,
    nullIf(t.ended, toDate(0)) AS last_day,
    nullIf(t.posted, toDate(0)) AS last_post_day,
    l.value AS subscribers,
    l.observed AS subscribers_at
FROM
(
    -- The register knows better than the last event where a page belongs: conditions on places reach it before joins.
    SELECT
        r.page AS page,
        r.place AS place,
        true AS registered,
        toNullable(r.name) AS name,
        r.kind AS kind,
        r.organisation AS organisation,
        r.official AS official,
        r.class AS class,
        r.created AS created,
        r.gos_mark AS gos_mark,
        r.pos_component AS pos_component,
        r.pos_widget AS pos_widget,
        r.comments_open AS comments_open,
        r.administrators_appointed AS administrators_appointed,
        r.administrators_trained AS administrators_trained,
        r.mini_apps AS mini_apps,
        s.first_day AS begun,
        tupleElement(s.last, 'day') AS ended,
        s.last_post_day AS posted
    FROM (SELECT * FROM gospulse.page_history WHERE in_force) AS r
    LEFT JOIN (SELECT page, first_day, last, last_post_day FROM gospulse_data.page_spans_g{generation} FINAL) AS s ON r.page = s.page
    SETTINGS join_use_nulls = 0
    UNION ALL
    SELECT
        s.page, tupleElement(s.last, 'place') AS place, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        s.first_day, tupleElement(s.last, 'day'), s.last_post_day
    FROM (SELECT page, first_day, last, last_post_day FROM gospulse_data.page_spans_g{generation} FINAL) AS s
    WHERE s.page NOT IN (SELECT page FROM gospulse.page_history WHERE in_force)
) AS t
LEFT JOIN (SELECT * FROM gospulse.organisation_history WHERE in_force) AS n ON t.organisation = n.organisation
LEFT JOIN
(
    -- The latest period; of one period as in page_readings. In the order of the key, which costs less than argMin.
    SELECT page, tupleElement(level, 'value') AS value, tupleElement(level, 'observed_at') AS observed
    FROM
    (
        SELECT
            metric,
            page,
            source,
            latest AS level,
            tupleElement(level, 'place') AS place,
            tupleElement(level, 'period_from') AS period_from,
            {precedence_of_levels} AS rank
        FROM gospulse_data.page_levels_g{generation} FINAL
        WHERE metric = 'subscribers'
    )
    WHERE rank > 0
    ORDER BY page, tupleElement(level, 'period_to') DESC, rank, tupleElement(level, 'known_at') DESC, source
    LIMIT 1 BY page
) AS l ON t.page = l.page
SETTINGS join_use_nulls = 1
COMMENT 'Pages: those of the register that are in force today and every other page that occurred. Generation {generation}.';
