"""`dockyard registry migrate`: bringing a registry's database to this version of the program."""

from pathlib import Path

from dockyard.cli import report, server_settings
from dockyard.cli.registry.here import demand
from dockyard.cli.registry.source import refuse

__all__ = ["migrate", "refuse"]


def migrate(
    *,
    config: Path | None = None,
    storage: str = "",
    to: str = "head",
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Bring a registry's database to this version of the program.

    No server has to be stopped for it, but those of the old version should be ended soon.

    Args:
        config: the server's file with settings.
        storage: its folder for images, where there is no file.
        to: the revision to go to, forwards or backwards; the newest by default, `base` for none.
        dry_run: print the SQL and change nothing.
        json: print one JSON document.
    """
    from dockyard.server.database import connect, translated
    from dockyard.server.migrating import migrate as migrated
    from dockyard.server.migrating import statements

    settings = server_settings.settings(config, storage)
    demand(settings)
    engine = connect(settings.database, settings.home)
    try:
        with translated():
            if dry_run:
                script = statements(engine, to)
                if json:
                    report.result({"sql": script})
                else:
                    print(script or "-- nothing to do", end="" if script else "\n")
                return
            before, after = migrated(engine, to)
    finally:
        engine.dispose()
    if json:
        report.result({"before": before, "after": after})
    else:
        done = "was there already" if before == after else f"was {before or 'empty'}"
        print(f"the database is at revision {after or 'base'} ({done})")
