"""`dockyard undo`: one step back."""

from dockyard.cli import bars, context, report


def undo(app: str, /, *, json: bool = False) -> None:
    """Go back to the version that ran before; it is rolled out like any other.

    Args:
        app: the application.
        json: print one JSON document.
    """
    from dockyard.deploy.rollout import undo as roll_back

    with bars.shown(quiet=json) as progress:
        done = roll_back(app, context.data_folder(), progress=progress)
    if json:
        report.result(done.to_json())
    else:
        print(f"{app} serves {done.revision.reference} again, as revision {done.revision.number}")
