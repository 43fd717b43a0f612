"""Reading what Gospulse counted: answers of ClickHouse row by row, and the report."""
