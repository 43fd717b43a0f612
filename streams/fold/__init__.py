"""The pure fold: records of the log to rows of tables."""
