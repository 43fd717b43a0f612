"""The stack on one machine: processes, workers, status."""
