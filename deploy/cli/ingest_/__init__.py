"""The command `gospulse ingest`."""
