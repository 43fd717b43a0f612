"""The queries of the boards: one builder a metric, so that a metric is counted in one way on every board."""
