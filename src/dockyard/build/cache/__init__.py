"""What builds keep to be faster, and how it travels."""
