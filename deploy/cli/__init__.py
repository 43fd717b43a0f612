"""The ``gospulse`` command: one file a command."""
