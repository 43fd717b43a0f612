"""ClickHouse's HTTP interface: requests, bodies, compression, replies."""
