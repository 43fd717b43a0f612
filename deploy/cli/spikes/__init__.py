"""The command `gospulse spikes`."""
