"""The boards in a running Grafana: what would change, and the change."""
