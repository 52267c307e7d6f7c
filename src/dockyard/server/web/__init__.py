"""The registry's pages for people: rendered here, usable without scripts, one file a noun."""
