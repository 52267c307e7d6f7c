"""The document that a container runtime reads."""

from dockyard.build.limits import Limits
from dockyard.runtime.bundle import Mount, spec
from dockyard.runtime.user import User

MEMORY = "/dev/shm"


def test_what_is_mounted_where_the_system_has_a_mount_of_its_own_takes_its_place_with_its_own_size() -> None:
    user = User(0, 0, (), "/root")
    own = Mount("tmpfs", MEMORY, False, "tmpfs", ("nosuid", "size=5"))
    for mounts, options in (
        ((), ["nosuid", "size=7"]),
        ((own,), ["nosuid", "size=5", "rw"]),
    ):
        document = spec(args=["x"], env={}, cwd="/", user=user, mounts=mounts)
        Limits(shm=7).put_on(document, "name")
        (found,) = [each for each in document["mounts"] if each["destination"] == MEMORY]
        assert found["options"] == options
