"""Dashboards: boards, alert rules and the data source as code, for Grafana. They read the documented views only."""
