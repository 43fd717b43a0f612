"""The metrics by subject; `schemas.metric_catalogue` puts them together."""
