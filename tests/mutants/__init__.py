"""Mutants: one-line changes of the code, each of which alters a number or a right, and the tests that must notice."""
