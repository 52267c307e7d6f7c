"""What may be pulled: packages and findings of what was pushed, signatures, and each project's policy over them."""
