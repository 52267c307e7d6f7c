"""What a container's configuration must say otherwise in a user namespace."""

from collections.abc import Mapping
from typing import Any

from dockyard.layers.apply import Ids


def adapted(spec: Mapping[str, Any], ids: Ids) -> dict[str, Any]:
    """`spec`, from `bundle.spec`, as runc can carry it out in a user namespace that has `ids`.

    The kernel lets /sys be mounted only by who owns the network namespace, so the machine's is shown, read-only; with
    a single ID there is no group of terminals, and groups cannot be changed. Limits of a control group need rights
    that an ordinary user mostly lacks, so none are asked for.
    """
    mounts = [_mount(each, ids) for each in spec["mounts"]]
    linux = {key: value for key, value in spec["linux"].items() if key not in ("resources", "cgroupsPath")}
    process = spec["process"]
    if ids == "single":
        process = {**process, "user": {**process["user"], "additionalGids": []}}
    return {**spec, "mounts": mounts, "linux": linux, "process": process}


def _mount(mount: dict[str, Any], ids: Ids) -> dict[str, Any]:
    if mount["destination"] == "/sys" and mount["type"] == "sysfs":
        options = ["rbind", "rprivate", "nosuid", "noexec", "nodev", "ro"]
        return {"destination": "/sys", "type": "bind", "source": "/sys", "options": options}
    if mount["type"] == "devpts" and ids == "single":
        return {**mount, "options": [each for each in mount["options"] if not each.startswith("gid=")]}
    return mount
