"""The distribution protocol from either end."""
