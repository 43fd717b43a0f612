-- Registers: reference data with history. The row whose valid_to is absent is in force.
CREATE TABLE IF NOT EXISTS gospulse_data.regions {on_cluster}
(
    code String COMMENT 'Eight-digit OKTMO code of the region',
    valid_from Date COMMENT 'First day (Moscow) on which the row is in force; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'Day (Moscow) from which it is not in force any more; absent: in force',
    name String COMMENT 'Name of the region',
    federal_district Nullable(String) COMMENT 'Federal district',
    zone String COMMENT 'IANA time zone of the capital',
    prefix String COMMENT 'What the codes of its municipalities begin with; the longest prefix decides',
    note Nullable(String) COMMENT 'What is not certain',
    written_at DateTime64(3, 'UTC') COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (code, valid_from)
COMMENT 'Regions, from schemas/reference/regions.csv';

CREATE TABLE IF NOT EXISTS gospulse_data.municipalities {on_cluster}
(
    code String COMMENT 'Eight-digit OKTMO code of the municipality',
    valid_from Date COMMENT 'First day (Moscow) on which the row is in force; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'Day (Moscow) from which it is not in force any more; absent: in force',
    region String COMMENT 'Code of its region',
    name String COMMENT 'Name of the municipality',
    population Nullable(UInt32) COMMENT 'Inhabitants, rounded to hundreds',
    population_year Nullable(UInt16) COMMENT 'Year of that population',
    written_at DateTime64(3, 'UTC') COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (code, valid_from)
COMMENT 'Municipalities, from schemas/reference/municipalities.csv';

CREATE TABLE IF NOT EXISTS gospulse_data.zone_exceptions {on_cluster}
(
    code String COMMENT 'Eight-digit OKTMO code of a municipality whose time zone is not that of its region''s capital',
    valid_from Date COMMENT 'First day (Moscow) on which the row is in force; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'Day (Moscow) from which it is not in force any more; absent: in force',
    name String COMMENT 'Name of the municipality',
    zone String COMMENT 'IANA time zone',
    written_at DateTime64(3, 'UTC') COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (code, valid_from)
COMMENT 'Municipalities with a time zone of their own, from schemas/reference/zone_exceptions.csv';

CREATE TABLE IF NOT EXISTS gospulse_data.namespaces {on_cluster}
(
    namespace String COMMENT 'Namespace of places from elsewhere, written namespace:code',
    valid_from Date COMMENT 'First day (Moscow) on which the row is in force; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'Day (Moscow) from which it is not in force any more; absent: in force',
    name String COMMENT 'What its places are',
    zone String COMMENT 'IANA time zone in which their days are cut',
    written_at DateTime64(3, 'UTC') COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (namespace, valid_from)
COMMENT 'Namespaces of places from elsewhere, from schemas/reference/namespaces.csv';

CREATE TABLE IF NOT EXISTS gospulse_data.institution_kinds {on_cluster}
(
    code String COMMENT 'Code of the kind',
    valid_from Date COMMENT 'First day (Moscow) on which the row is in force; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'Day (Moscow) from which it is not in force any more; absent: in force',
    name String COMMENT 'Name of the kind',
    written_at DateTime64(3, 'UTC') COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (code, valid_from)
COMMENT 'Kinds of institutions that keep pages, from schemas/reference/institution_kinds.csv';

CREATE TABLE IF NOT EXISTS gospulse_data.entrances {on_cluster}
(
    code String COMMENT 'Entrance as in the contract',
    valid_from Date COMMENT 'First day (Moscow) on which the row is in force; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'Day (Moscow) from which it is not in force any more; absent: in force',
    name String COMMENT 'Name of the entrance',
    in_social_networks Bool COMMENT 'Whether it belongs to the denominator of the share through public pages',
    written_at DateTime64(3, 'UTC') COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (code, valid_from)
COMMENT 'Entrances, from schemas/reference/entrances.csv';

CREATE TABLE IF NOT EXISTS gospulse_data.topics {on_cluster}
(
    code String COMMENT 'Topic: a top one such as housing, or a leaf such as housing.heating',
    valid_from Date COMMENT 'First day (Moscow) on which the row is in force; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'Day (Moscow) from which it is not in force any more; absent: in force',
    parent Nullable(String) COMMENT 'Top topic of a leaf; absent for a top one',
    name String COMMENT 'Name of the topic',
    written_at DateTime64(3, 'UTC') COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (code, valid_from)
COMMENT 'Topics in two levels, from schemas/reference/topics.csv';

CREATE TABLE IF NOT EXISTS gospulse_data.organisations {on_cluster}
(
    organisation String COMMENT 'Register''s own key of the organisation',
    valid_from Date COMMENT 'First day (Moscow) on which the row is in force; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'Day (Moscow) from which it is not in force any more; absent: in force',
    name String COMMENT 'Name of the organisation',
    kind Nullable(String) COMMENT 'Kind of institution',
    place String COMMENT 'Municipality',
    written_at DateTime64(3, 'UTC') COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (organisation, valid_from)
COMMENT 'Organisations that keep pages; filled from a register';

CREATE TABLE IF NOT EXISTS gospulse_data.pages {on_cluster}
(
    page String COMMENT 'Public id of the page: vk:123',
    valid_from Date COMMENT 'First day (Moscow) on which the row is in force; 1970-01-01 since ever',
    valid_to Nullable(Date) COMMENT 'Day (Moscow) from which it is not in force any more; absent: in force',
    name String COMMENT 'Public name of the page',
    place String COMMENT 'Municipality',
    kind Nullable(String) COMMENT 'Kind of institution that keeps it',
    organisation Nullable(String) COMMENT 'Organisation that keeps it',
    written_at DateTime64(3, 'UTC') COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (page, valid_from)
COMMENT 'Official pages; filled from a register';
