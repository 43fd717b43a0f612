"""Rejected records: list, mend, send again."""
