"""`dockyard deploy`: roll an image out on this host."""

from typing import Annotated

from cyclopts import Parameter

from dockyard.cli import bars, context, report


def deploy(
    image: str,
    /,
    *,
    name: str = "",
    port: int = 8080,
    env: Annotated[list[str] | None, Parameter(name=["--env", "-e"])] = None,
    health_http: str = "",
    health_interval: str = "2s",
    deadline: str = "60s",
    drain: str = "10s",
    json: bool = False,
) -> None:
    """Roll an image out on this host: start the new version, wait until it is healthy, switch, drain, stop the old one.

    The process finds its own port in the variable PORT; people use --port, which haproxy serves.

    Args:
        image: the image in the store; it is run by its digest.
        name: the application; the last part of the repository's name by default.
        port: where people reach it, on 127.0.0.1.
        env: NAME=value for the process.
        health_http: the path that answers 2xx or 3xx when it is well; the image's HEALTHCHECK by default.
        health_interval: the time between probes.
        deadline: how long it may take to become healthy.
        drain: how long requests under way may take before the old version is stopped.
        json: print one JSON document.
    """
    from dockyard.deploy.rollout import deploy as roll_out
    from dockyard.deploy.settings import DeploySettings, HealthSettings
    from dockyard.images.image import open_image
    from dockyard.oci.reference import Reference
    from dockyard.runtime.rootfs import need_root

    need_root()  # before anything is looked up: root's store is another one
    reference = Reference.parse(image)
    found = open_image(context.store(), context.resolve(reference))
    app = name or reference.repository.rpartition("/")[2]
    settings = DeploySettings(port=port, env=context.pairs(env, "--env"), drain=drain)
    health = HealthSettings(http=health_http, interval=health_interval, deadline=deadline)
    with bars.shown(quiet=json) as progress:
        done = roll_out(
            found,
            reference.familiar,
            name=app,
            settings=settings,
            health=health,
            data=context.data_folder(),
            progress=progress,
        )
    if json:
        report.result(done.to_json())
    else:
        said = "already serves" if done.already else "serves"
        print(f"{app} revision {done.revision.number} {said} on http://127.0.0.1:{port}/")
