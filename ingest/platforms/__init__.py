"""Platforms: what each one sends, as pure functions from a request to events."""
