"""`dockyard stop`: an application's end."""

from dockyard.cli import context, report


def stop(app: str, /, *, json: bool = False) -> None:
    """Stop an application after its requests have ended. Its versions are kept for the next deploy.

    Args:
        app: the application.
        json: print one JSON document.
    """
    from dockyard.deploy.rollout import stop as stop_app

    stop_app(app, context.data_folder())
    if json:
        report.result({"app": app, "state": "stopped"})
    else:
        print(f"{app} is stopped")
