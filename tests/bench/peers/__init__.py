"""Peers of the benchmark: each reads the same log with another library and prints one line of JSON."""
