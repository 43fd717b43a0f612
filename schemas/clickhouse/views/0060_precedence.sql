-- Precedence.
CREATE OR REPLACE VIEW gospulse.precedence {on_cluster}
(
    metric String COMMENT 'What is measured, as in readings: appeals, subscribers, reach and so on',
    entrance Nullable(String) COMMENT 'Entrance of the appeals; NULL: every one',
    place_prefix String COMMENT 'Beginning of the codes of the places that it holds for; empty: every one',
    source String COMMENT 'Feed; facts: the appeals that arrive one by one',
    rank UInt8 COMMENT 'The lowest rank among the sources that reported stands',
    valid_from Date COMMENT 'First local day of the validity; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'First local day after it; NULL: no end is known',
    note Nullable(String) COMMENT 'Why the rule was made'
)
AS
SELECT
    toString(p.metric) AS metric,
    nullIf(toString(p.entrance), '') AS entrance,
    p.place_prefix AS place_prefix,
    p.source AS source,
    assumeNotNull(p.rank) AS rank,
    p.valid_from AS valid_from,
    p.until AS valid_to,
    p.note AS note
FROM
(
    SELECT
        *,
        leadInFrame(toNullable(valid_from)) OVER (
            PARTITION BY metric, entrance, place_prefix, source ORDER BY valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS until
    FROM gospulse_data.precedence FINAL
) AS p
WHERE p.rank > 0
COMMENT 'Precedence: of several sources of one figure, which one stands. The rules of one entrance go before those of all entrances, then those of the longest prefix of the place. Where rules apply, only their sources stand; where none applies, facts go before totals, and of totals the one observed last. The same rules give the share its denominator. Generation {generation}.';
