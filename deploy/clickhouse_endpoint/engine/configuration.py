"""The engine's configuration: what a server reads from config.xml and users.xml, generated into the data directory."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from msgspec import Struct

DISPLAY_NAME: Final = "gospulse"
# Reading the machine's files, other servers and buckets is nobody's business here, whatever the login.
_REVOKED_SOURCES = (
    "FILE, URL, REMOTE, MONGO, REDIS, MYSQL, POSTGRES, SQLITE, ODBC, JDBC, HDFS, S3, HIVE, AZURE, KAFKA, NATS, "
    "RABBITMQ, YTSAURUS, ARROW FLIGHT, BIGQUERY, DISK"
)


class EngineLimits(Struct, frozen=True, kw_only=True):
    """Bounds of the whole engine. ``memory`` in bytes for everything it holds; ``fsync`` off only for tests."""

    memory: int = 4_000_000_000
    fsync: bool = True


def write_configuration(folder: Path, scratch: Path, limits: EngineLimits) -> Path:
    """Write the files and return the path of the one that the engine is given.

    Args:
        folder: where the files go (made if absent).
        scratch: where the engine may put what does not fit into memory.
        limits: memory and durability.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scratch.mkdir(parents=True, exist_ok=True)
    users = folder / "users.xml"
    users.write_text(_users(limits), encoding="utf-8")
    server = folder / "config.xml"
    server.write_text(_server(users, scratch, limits), encoding="utf-8")
    return server


def _server(users: Path, scratch: Path, limits: EngineLimits) -> str:
    fsync = int(limits.fsync)
    return f"""<clickhouse>
  <display_name>{DISPLAY_NAME}</display_name>
  <timezone>UTC</timezone>
  <users_config>{escape(str(users))}</users_config>
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
  <part_log>
    <database>system</database>
    <table>part_log</table>
    <flush_interval_milliseconds>5000</flush_interval_milliseconds>
    <ttl>event_date + INTERVAL 3 DAY DELETE</ttl>
  </part_log>
</clickhouse>
"""


def _users(limits: EngineLimits) -> str:
    return f"""<clickhouse>
  <profiles>
    <default>
      <async_insert>0</async_insert>
      <implicit_select>0</implicit_select>
      <allow_introspection_functions>0</allow_introspection_functions>
      <log_queries_cut_to_length>4000</log_queries_cut_to_length>
      <max_memory_usage>{limits.memory * 3 // 4}</max_memory_usage>
      <max_bytes_before_external_group_by>{limits.memory // 4}</max_bytes_before_external_group_by>
      <max_bytes_before_external_sort>{limits.memory // 4}</max_bytes_before_external_sort>
    </default>
  </profiles>
  <users>
    <default>
      <password></password>
      <profile>default</profile>
      <quota>default</quota>
      <networks><ip>::/0</ip></networks>
      <grants>
        <query>GRANT ALL ON *.*</query>
        <query>REVOKE {_REVOKED_SOURCES} ON *.*</query>
      </grants>
    </default>
  </users>
  <quotas><default/></quotas>
</clickhouse>
"""
