-- The two databases: what Gospulse keeps, and the documented views that people read.
CREATE DATABASE IF NOT EXISTS gospulse_data {on_cluster} COMMENT 'Internal tables of Gospulse, one set a generation. Read the database gospulse instead.';
CREATE DATABASE IF NOT EXISTS gospulse {on_cluster} COMMENT 'Documented views of Gospulse: the public interface for analysts, dashboards and exports.';
