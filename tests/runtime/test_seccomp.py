"""What a container's filter of system calls says."""

from dockyard.runtime import seccomp
from dockyard.runtime.bundle import spec
from dockyard.runtime.user import User


def test_what_reaches_out_of_a_container_is_denied_and_ordinary_calls_are_not() -> None:
    found = seccomp.profile()
    assert found is not None
    whole = {name for rule in found["syscalls"] if "args" not in rule for name in rule["names"]}
    assert {"mount", "unshare", "setns", "bpf", "keyctl", "io_uring_setup", "userfaultfd", "clone3"} <= whole
    assert not whole & {"openat", "chroot", "clone", "socket", "ptrace", "mknod", "personality"}
    assert {rule["action"] for rule in found["syscalls"]} == {"SCMP_ACT_ERRNO"}


def test_only_a_privileged_container_has_no_filter() -> None:
    user = User(0, 0, (), "/root")
    ordinary = spec(args=["x"], env={}, cwd="/", user=user)
    assert ordinary["linux"]["seccomp"] == seccomp.profile()
    assert "seccomp" not in spec(args=["x"], env={}, cwd="/", user=user, privileged=True)["linux"]
