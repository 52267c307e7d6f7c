"""Which advisories touch an image, and why."""
