"""Mappings: which column of a file is which field of the contract."""
