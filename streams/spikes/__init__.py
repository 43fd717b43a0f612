"""Spikes: a pure detector of unusual jumps in hourly counts, and what runs it against ClickHouse."""
