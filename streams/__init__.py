"""Events to rows: the pure fold, the Faust application round it, and what recomputes, verifies and rebuilds."""
