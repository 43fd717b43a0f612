"""The command `gospulse grafana`."""
