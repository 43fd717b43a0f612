"""The command `gospulse worker`."""
