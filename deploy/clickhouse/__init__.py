"""Connecting to ClickHouse and showing its answers."""
