"""Compare recounted values with the stored ones."""
