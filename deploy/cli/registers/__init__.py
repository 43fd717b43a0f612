"""The commands `gospulse places`, `gospulse organisations` and `gospulse pages`."""
