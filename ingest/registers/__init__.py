"""Registers of places, organisations and pages: files, history, and the pages in memory for ingest."""
