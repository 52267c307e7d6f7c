"""Work that no request waits for: once, later, or again and again."""
