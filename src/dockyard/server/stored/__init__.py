"""The registry whose metadata is in the database and whose bytes are in a blob store."""
