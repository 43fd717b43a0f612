"""The command `gospulse simulate`."""
