"""The spike detector against simulated series, beside the rules that are common elsewhere."""
