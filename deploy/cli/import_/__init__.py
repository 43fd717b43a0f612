"""The command `gospulse import`."""
