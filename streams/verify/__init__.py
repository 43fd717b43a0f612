"""The verifier: recounts the log with code of its own and compares every row that the workers wrote."""
