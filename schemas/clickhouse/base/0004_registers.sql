-- Registers: reference data with history. In the tables that ship with the code, the row without valid_to is in force.
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

-- The registers of places, organisations and pages hold change points: a row says what is true of its key from
-- `valid_from` on, until the next row of that key. So a validity ends where the next one begins, two imports at the same
-- time cannot make two validities overlap, and the latest writing of a point stands. The views *_history show validities.
CREATE TABLE IF NOT EXISTS gospulse_data.places {on_cluster}
(
    place String COMMENT 'Eight-digit OKTMO code of the municipality',
    valid_from Date COMMENT 'First day (Moscow) on which the row is in force; 1970-01-01 since ever',
    state Enum8('in force' = 1, 'ended' = 2, 'cancelled' = 3) DEFAULT 'in force' COMMENT 'ended: the key is not in force from this day on; cancelled: the row is to be ignored',
    name String COMMENT 'Name of the municipality',
    region String COMMENT 'Code of its region',
    zone String COMMENT 'IANA time zone in which its days are cut',
    population Nullable(UInt32) COMMENT 'Inhabitants; NULL unknown',
    population_year Nullable(UInt16) COMMENT 'Year of that population',
    population_source Nullable(String) COMMENT 'Who published that population',
    written_at DateTime64(9, 'UTC') DEFAULT now64(9) COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (place, valid_from)
COMMENT 'Register of municipalities; a first choice ships in schemas/reference/municipalities.csv';

CREATE TABLE IF NOT EXISTS gospulse_data.organisations {on_cluster}
(
    organisation String COMMENT 'Key of the organisation in the register: its INN, or a key of the operator',
    valid_from Date COMMENT 'First day (Moscow) on which the row is in force; 1970-01-01 since ever',
    state Enum8('in force' = 1, 'ended' = 2, 'cancelled' = 3) DEFAULT 'in force' COMMENT 'ended: the key is not in force from this day on; cancelled: the row is to be ignored',
    inn Nullable(String) COMMENT 'INN (taxpayer number) of the organisation, ten digits',
    name String COMMENT 'Name of the organisation',
    kind Nullable(String) COMMENT 'Kind of institution',
    place String COMMENT 'Municipality',
    level Nullable(String) COMMENT 'federal, regional or municipal',
    exempt Bool COMMENT 'Whether the organisation need not keep pages',
    exempt_reason Nullable(String) COMMENT 'Why it need not',
    written_at DateTime64(9, 'UTC') DEFAULT now64(9) COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (organisation, valid_from)
COMMENT 'Register of organisations that must keep pages';

CREATE TABLE IF NOT EXISTS gospulse_data.pages {on_cluster}
(
    page String COMMENT 'Public id of the page: network and native id (vk:123)',
    valid_from Date COMMENT 'First day (Moscow) on which the row is in force; 1970-01-01 since ever',
    state Enum8('in force' = 1, 'ended' = 2, 'cancelled' = 3) DEFAULT 'in force' COMMENT 'ended: the key is not in force from this day on; cancelled: the row is to be ignored',
    name String COMMENT 'Public title of the page',
    place String COMMENT 'Municipality',
    organisation Nullable(String) COMMENT 'Organisation that keeps it',
    official Nullable(String) COMMENT 'Office whose holder keeps it: governor, mayor, minister or other_official; NULL for a page of an organisation',
    kind Nullable(String) COMMENT 'Kind of institution; NULL: that of the organisation',
    class Nullable(String) COMMENT 'Class of the page: flagship, active or card',
    created Nullable(Bool) COMMENT 'Sign of the official rating: the page is created; NULL unknown',
    gos_mark Nullable(Bool) COMMENT 'Sign: it bears the mark of a state organisation; NULL unknown',
    pos_component Nullable(Bool) COMMENT 'Sign: connected to the component for public pages of the feedback platform (POS); NULL unknown',
    pos_widget Nullable(Bool) COMMENT 'Sign: it shows the widget of the feedback platform (POS); NULL unknown',
    comments_open Nullable(Bool) COMMENT 'Sign: citizens can comment; NULL unknown',
    administrators_appointed Nullable(Bool) COMMENT 'Sign: its administrators are appointed; NULL unknown',
    administrators_trained Nullable(Bool) COMMENT 'Sign: its administrators are trained; NULL unknown',
    mini_apps Nullable(Bool) COMMENT 'Sign: mini-applications are enabled; NULL unknown',
    written_at DateTime64(9, 'UTC') DEFAULT now64(9) COMMENT 'When the row was written (UTC); the latest stands'
)
ENGINE = {ReplacingMergeTree}(written_at)
ORDER BY (page, valid_from)
COMMENT 'Register of official pages';
