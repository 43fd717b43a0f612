"""The Faust worker: ownership, flush, commit."""
