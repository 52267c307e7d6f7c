"""The database's schema, revision by revision, for Alembic. `make migration` writes the next one from the tables."""
