"""The OCI specifications' nouns, parsed and frozen; no I/O."""
