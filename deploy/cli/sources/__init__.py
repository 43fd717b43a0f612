"""The command `gospulse sources`."""
