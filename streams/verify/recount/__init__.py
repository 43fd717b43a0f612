"""Recount the log with code of its own."""
