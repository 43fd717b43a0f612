"""The embedded ClickHouse engine (chDB) in one process behind ClickHouse's HTTP interface.

Clients take it for a server: clickhouse-connect, clickhouse-go (Grafana), curl. It is meant for one machine
and binds to 127.0.0.1 unless told otherwise. The engine knows a single user, so the login ``analyst`` is kept
read-only by checks in front of the engine (``guard``). They protect trusted colleagues from mistakes and keep
what they can read small; they are no wall against an attacker. Rights per territory belong to a real server.
"""
