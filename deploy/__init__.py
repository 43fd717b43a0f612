"""How Gospulse runs: settings, the one-machine stack, and the ``gospulse`` command."""
