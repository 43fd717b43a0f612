"""Read the stored rows for the comparison."""
