"""How Alembic runs the revisions here: on the connection it is given, or into a script where there is none."""

from alembic import context

from dockyard.server.schema.every import metadata


def _run() -> None:
    attributes = context.config.attributes
    # SQLite changes a table by making it anew, which is what Alembic calls a batch.
    shared = {
        "target_metadata": metadata(),
        "transaction_per_migration": True,
        "render_as_batch": attributes.get("batch", True),
    }
    connection = attributes.get("connection")
    if connection is None:
        name = attributes["dialect"].name
        context.configure(dialect_name=name, literal_binds=True, **shared)
    else:
        context.configure(connection=connection, compare_type=True, **shared)
    with context.begin_transaction():
        context.run_migrations()


if hasattr(context, "config"):  # Alembic runs this file; others may import it
    _run()
