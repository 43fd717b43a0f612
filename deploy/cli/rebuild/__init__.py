"""The command `gospulse rebuild`."""
