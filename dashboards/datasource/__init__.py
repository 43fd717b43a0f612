"""What Grafana and its ClickHouse data source do to a query before the server sees it."""
