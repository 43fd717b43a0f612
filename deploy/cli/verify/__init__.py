"""The command `gospulse verify`."""
