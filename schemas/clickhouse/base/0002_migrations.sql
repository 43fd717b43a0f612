-- Which numbered files were applied, with the checksum they had.
CREATE TABLE IF NOT EXISTS gospulse_data.migrations {on_cluster}
(
    scope String COMMENT 'Folder of the file: base, generation',
    generation UInt32 COMMENT 'Generation whose tables the file made; 0 for base',
    file String COMMENT 'Name of the file',
    checksum String COMMENT 'SHA-256 of the file as it was applied, before placeholders were filled',
    applied_at DateTime64(3, 'UTC') COMMENT 'When it was applied (UTC)'
)
ENGINE = {MergeTree}
ORDER BY (scope, generation, file)
COMMENT 'Numbered SQL files that were applied to this server';
