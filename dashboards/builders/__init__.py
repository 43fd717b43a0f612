"""Plain typed builders of Grafana's classic dashboard JSON (version 1): only the panel kinds that the boards use.

Why no library: grafana-foundation-sdk is alpha, knows no ClickHouse target, and leaves out panel ids unless told
otherwise. What is needed here is a few dictionaries.
"""
