"""Directory trees into tar layers and back: tar, diff, apply, compress, the merged tree."""
