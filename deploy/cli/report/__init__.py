"""The command `gospulse report`."""
