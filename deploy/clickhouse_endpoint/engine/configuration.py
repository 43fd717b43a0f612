"""Generate the engine's configuration, config.xml and users.xml, in the data directory."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from msgspec import Struct

DISPLAY_NAME: Final = "gospulse"
#: The role and the profile of the read-only login, and the database that it reads.
ANALYST: Final = "analyst"
DATABASE: Final = "gospulse"
# Neither login reads files of the machine, other servers or buckets.
_REVOKED_SOURCES = (
    "FILE, URL, REMOTE, MONGO, REDIS, MYSQL, POSTGRES, SQLITE, ODBC, JDBC, HDFS, S3, HIVE, AZURE, KAFKA, NATS, "
    "RABBITMQ, YTSAURUS, ARROW FLIGHT, BIGQUERY, DISK"
)


#: The longest SQL of an analyst in bytes; of the login that writes, without the data of an INSERT.
ANALYST_SQL: Final = 1 << 20
WRITER_SQL: Final = 16 << 20
#: Statements that take at least so many milliseconds are in `query_log`. To log every statement, and every part, takes
#: much of the processor time of a small statement.
LOGGED_MS: Final = 100
# Settings that change how a query is computed or printed, and bounds. None that names a file, a dialect or an address.
_OF_ANALYSTS: Final = re.compile(
    r"output_format_(?:arrow|binary|bson|csv|decimal|float|json|markdown|msgpack|native|orc|parquet|pretty|tsv|values|write)"
    r"_\w+|format_csv_(?:delimiter|allow_\w+)|date_time_(?:input|output)_format|cast_\w+|session_timezone"
    r"|join_(?:use_nulls|algorithm|default_strictness|overflow_mode)|(?:result|read|timeout|group_by|set|sort|distinct)_overflow_mode"
    r"|max_(?:threads|block_size|result_rows|result_bytes|rows_to_read|bytes_to_read|rows_to_group_by|rows_in_join|rows_in_set"
    r"|columns_to_read|subquery_depth|query_size|ast_depth|ast_elements|expanded_ast_elements|execution_time|memory_usage)"
    r"|group_by_\w+|optimize_\w+|query_plan_\w+|short_circuit_\w+|totals_\w+|compile_\w+|prefer_column_name_to_alias"
    r"|enable_(?:analyzer|positional_arguments|global_with_statement|optimize_predicate_expression|order_by_all)"
    r"|allow_experimental_(?:analyzer|\w+_type)|use_query_cache|use_skip_indexes|final|limit|offset|extremes|transform_null_in"
    r"|any_join_distinct_right_table_keys|union_default_mode|aggregate_functions_null_for_empty|decimal_check_overflow|log_comment"
    r"|readonly"
)


def may_change(setting: str) -> bool:
    """Whether analysts may change a setting, within the limits."""
    return _OF_ANALYSTS.fullmatch(setting) is not None


class AnalystLimits(Struct, frozen=True, kw_only=True):
    """The most that one query of an analyst may take: seconds, bytes, threads; and how many may run at once."""

    seconds: int = 60
    memory: int = 2_000_000_000
    threads: int = 4
    queries: int = 16

    def settings(self) -> dict[str, int]:
        """The settings that these limits bound, with the most of each."""
        return {"max_execution_time": self.seconds, "max_memory_usage": self.memory, "max_threads": self.threads}


class EngineLimits(Struct, frozen=True, kw_only=True):
    """Bounds of the whole engine. ``memory`` in bytes for everything it holds; ``fsync`` off only for tests."""

    memory: int = 4_000_000_000
    fsync: bool = True


def write_configuration(
    folder: Path, scratch: Path, limits: EngineLimits, analyst: AnalystLimits, settings: Iterable[str]
) -> Path:
    """Write the files and return the path of the one that the engine is given.

    Args:
        folder: where the files go (made if absent).
        scratch: where the engine may put what does not fit into memory.
        limits: memory and durability.
        analyst: bounds of one query of the read-only login.
        settings: the names of all settings that the engine knows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scratch.mkdir(parents=True, exist_ok=True)
    users = folder / "users.xml"
    users.write_text(_users(limits, analyst, settings), encoding="utf-8")
    server = folder / "config.xml"
    server.write_text(_server(users, scratch, limits), encoding="utf-8")
    return server


def _server(users: Path, scratch: Path, limits: EngineLimits) -> str:
    fsync = int(limits.fsync)
    return f"""<clickhouse>
  <display_name>{DISPLAY_NAME}</display_name>
  <timezone>UTC</timezone>
  <users_config>{escape(str(users))}</users_config>
  <ignore_empty_sql_security_in_create_view_query>0</ignore_empty_sql_security_in_create_view_query>
  <tmp_path>{escape(str(scratch))}/</tmp_path>
  <max_server_memory_usage>{limits.memory}</max_server_memory_usage>
  <mark_cache_size>{min(limits.memory // 8, 500_000_000)}</mark_cache_size>
  <merge_tree>
    <fsync_after_insert>{fsync}</fsync_after_insert>
    <fsync_part_directory>{fsync}</fsync_part_directory>
  </merge_tree>
  <query_log>
    <database>system</database>
    <table>query_log</table>
    <flush_interval_milliseconds>5000</flush_interval_milliseconds>
    <ttl>event_date + INTERVAL 3 DAY DELETE</ttl>
  </query_log>
</clickhouse>
"""


def _users(limits: EngineLimits, analyst: AnalystLimits, settings: Iterable[str]) -> str:
    # The engine's own profilers interrupt its threads and write to a log that is not kept here. The search for chains
    # of comparisons makes planning roll-ups slow, and no query here needs it.
    fixed = "".join(f"<{name}><readonly/></{name}>" for name in settings if not may_change(name))
    bounds = analyst.settings() | {"max_query_size": ANALYST_SQL}
    bounded = "".join(f"<{name}><min>1</min><max>{most}</max></{name}>" for name, most in bounds.items())
    return f"""<clickhouse>
  <profiles>
    <default>
      <async_insert>0</async_insert>
      <query_profiler_real_time_period_ns>0</query_profiler_real_time_period_ns>
      <query_profiler_cpu_time_period_ns>0</query_profiler_cpu_time_period_ns>
      <memory_profiler_step>0</memory_profiler_step>
      <implicit_select>0</implicit_select>
      <optimize_and_compare_chain>0</optimize_and_compare_chain>
      <allow_introspection_functions>0</allow_introspection_functions>
      <log_queries_min_query_duration_ms>{LOGGED_MS}</log_queries_min_query_duration_ms>
      <log_queries_cut_to_length>4000</log_queries_cut_to_length>
      <max_memory_usage>{limits.memory * 3 // 4}</max_memory_usage>
      <max_bytes_before_external_group_by>{limits.memory // 4}</max_bytes_before_external_group_by>
      <max_bytes_before_external_sort>{limits.memory // 4}</max_bytes_before_external_sort>
      <default_normal_view_sql_security>DEFINER</default_normal_view_sql_security>
      <default_view_definer>default</default_view_definer>
    </default>
    <{ANALYST}>
      <constraints>{bounded}{fixed}</constraints>
    </{ANALYST}>
  </profiles>
  <roles>
    <writer>
      <grants>
        <query>GRANT ALL ON *.*</query>
        <query>REVOKE {_REVOKED_SOURCES} ON *.*</query>
      </grants>
    </writer>
    <{ANALYST}>
      <grants>
        <query>GRANT SELECT, SHOW ON {DATABASE}.*</query>
        <!-- What generateSeries and primes ask for; no table is made with readonly = 2. -->
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
      </grants>
    </{ANALYST}>
  </roles>
  <users>
    <default>
      <password></password>
      <profile>default</profile>
      <quota>default</quota>
      <networks><ip>::/0</ip></networks>
      <grants><query>GRANT writer</query><query>GRANT {ANALYST}</query></grants>
    </default>
  </users>
  <quotas><default/></quotas>
</clickhouse>
"""
