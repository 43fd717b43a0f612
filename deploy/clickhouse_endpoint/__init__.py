"""The embedded ClickHouse engine (chDB) in one process behind ClickHouse's HTTP interface.

Clients such as clickhouse-connect, clickhouse-go (Grafana) and curl use it like a server. It is meant for one machine
and listens on 127.0.0.1 by default. ``confinement`` keeps the process away from the rest of the machine. The login
`analyst` is held to reading by a role and a profile of the engine (``engine.configuration``) and by a check of each
statement (``engine.guard``). Rights by territory need a real server.
"""
