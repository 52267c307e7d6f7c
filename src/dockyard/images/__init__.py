"""Verbs over whole images: open, mutate, validate, archive."""
