"""The tables, one file for each subject. Times are milliseconds since 1970, documents are JSON text."""
