-- Settings that figures depend on.
CREATE OR REPLACE VIEW gospulse.settings {on_cluster}
(
    answer_limit_h UInt32 COMMENT 'A reply within so many hours of receipt is on time',
    minimum_sample UInt32 COMMENT 'A region with fewer due appeals has no rank'
)
AS
SELECT toUInt32({answer_limit_h}) AS answer_limit_h, toUInt32({minimum_sample}) AS minimum_sample
COMMENT 'Settings that figures depend on, as they were at the last migration. One row. Generation {generation}.';
