"""Offsets, logs, progress and decisions, as recorded in ClickHouse."""
