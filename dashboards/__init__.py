"""Boards as code, the check of their queries, the preview in a browser, and the client of a running Grafana."""
