"""Chaos: every part is killed while events flow; afterwards every number must be right (`make chaos`)."""
