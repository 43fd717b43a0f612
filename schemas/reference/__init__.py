"""Reference data: regions, municipalities, topics, time zones."""
