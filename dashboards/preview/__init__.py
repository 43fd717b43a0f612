"""The boards in a browser without Grafana: a thin renderer of the panel kinds that they use. It is a preview only."""
