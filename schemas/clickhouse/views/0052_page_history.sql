-- Pages with their validity.
CREATE OR REPLACE VIEW gospulse.page_history {on_cluster}
(
    page String COMMENT 'Public id of the page',
    valid_from Date COMMENT 'First day (Moscow) of the validity; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'First day (Moscow) after it; NULL: no end is known',
    in_force Bool COMMENT 'Whether it is in force today (Moscow)',
    network String COMMENT 'vk, ok, tg or max',
    native_id String COMMENT 'Id of the page in its network',
    name String COMMENT 'Public title',
    place String COMMENT 'Municipality: eight digits of OKTMO, namespace:code for places from elsewhere, 00000000 unknown',
    region Nullable(String) COMMENT 'Code of the region that the place lies in; NULL for places from elsewhere and unknown ones. Names: view regions',
    organisation Nullable(String) COMMENT 'Organisation that keeps it; NULL for the page of an official',
    official Nullable(String) COMMENT 'Office whose holder keeps it: governor, mayor, minister or other_official; NULL for a page of an organisation',
    kind Nullable(String) COMMENT 'Kind of institution as the page has it; NULL: that of the organisation',
    class Nullable(String) COMMENT 'flagship, active or card; NULL unknown',
    created Nullable(Bool) COMMENT 'Sign of the official rating: the page is created; NULL unknown',
    gos_mark Nullable(Bool) COMMENT 'Sign of the official rating: it bears the mark of a state organisation; NULL unknown',
    pos_component Nullable(Bool) COMMENT 'Sign of the official rating: connected to the component for public pages of the feedback platform (POS); NULL unknown',
    pos_widget Nullable(Bool) COMMENT 'Sign of the official rating: it shows the widget of the feedback platform (POS); NULL unknown',
    comments_open Nullable(Bool) COMMENT 'Sign of the official rating: citizens can comment; NULL unknown',
    administrators_appointed Nullable(Bool) COMMENT 'Sign of the official rating: its administrators are appointed; NULL unknown',
    administrators_trained Nullable(Bool) COMMENT 'Sign of the official rating: its administrators are trained; NULL unknown',
    mini_apps Nullable(Bool) COMMENT 'Sign of the official rating: mini-applications are enabled; NULL unknown'
)
AS
SELECT
    page,
    valid_from,
    until AS valid_to,
    toBool(valid_from <= toDate(now('Europe/Moscow')) AND ifNull(until > toDate(now('Europe/Moscow')), true)) AS in_force,
    substring(page, 1, position(page, ':') - 1) AS network,
    substring(page, position(page, ':') + 1) AS native_id,
    name,
    place,
    {region_of_place} AS region,
    organisation,
    official,
    kind,
    class,
    created,
    gos_mark,
    pos_component,
    pos_widget,
    comments_open,
    administrators_appointed,
    administrators_trained,
    mini_apps
FROM
(
    SELECT
        *,
        -- A validity ends where the next one of the same key begins.
        leadInFrame(toNullable(valid_from)) OVER (
            PARTITION BY page ORDER BY valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS until
    FROM gospulse_data.pages FINAL
    WHERE state != 'cancelled'
)
WHERE state = 'in force'
COMMENT 'Pages with their validity: what the register of official pages says of each time. Generation {generation}.';
