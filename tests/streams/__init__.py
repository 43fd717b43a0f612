"""Tests of the fold, the worker, the verifier and what recomputes."""
