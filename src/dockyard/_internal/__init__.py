"""Small parts that every room may use: one noun a file."""
