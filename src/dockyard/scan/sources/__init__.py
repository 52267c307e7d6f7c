"""Where advisories come from, one database a file."""
