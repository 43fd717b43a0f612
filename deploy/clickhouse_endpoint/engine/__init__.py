"""The embedded engine: start, configuration, sessions, cancellation, rights."""
