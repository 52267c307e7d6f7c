"""What software a file tree holds and how its versions compare. No network."""
