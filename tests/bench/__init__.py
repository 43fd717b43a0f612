"""Benchmarks: one run compares Gospulse with plain ways to do the same on the same log (`make bench`)."""
