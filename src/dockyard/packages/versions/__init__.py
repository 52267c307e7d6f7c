"""How versions compare, one ecosystem a file; each `compare` returns -1, 0 or 1."""
