"""Rebuild: the next generation beside the running one, compared with it, and shown in its place."""
