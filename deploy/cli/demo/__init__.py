"""The command `gospulse demo`."""
