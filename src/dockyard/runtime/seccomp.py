"""The system calls that a container may not make (runtime-spec 1.0, config-linux.md#seccomp).

The kernel answers them as in what Docker and BuildKit start, measured by making every call there: those that mount,
load modules or other kernels, set the clock, hold keys, watch the machine, make namespaces, reach files by handles, or
are known for holes in the kernel (io_uring, userfaultfd, bpf). Docker has a list of what is allowed instead, which
costs 20 ms a container for the same answers; left open here is only what is newer than its list, and `personality`.
"""

import os
from pathlib import Path
from typing import Any

_KERNEL = Path("/proc/sys/kernel/seccomp/actions_avail")
_ARCHITECTURES = {
    "x86_64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "aarch64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    "armv7l": ["SCMP_ARCH_ARM"],
    "s390x": ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"],
    "ppc64le": ["SCMP_ARCH_PPC64LE"],
    "riscv64": ["SCMP_ARCH_RISCV64"],
}
_EPERM, _ENOSYS = 1, 38
# Those of every processor together: a runtime leaves out what it does not know.
_DENIED = """
_sysctl acct add_key afs_syscall bpf clock_settime clock_settime64 create_module delete_module fanotify_init
finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy getpmsg init_module io_uring_enter
io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind
migrate_pages mount mount_setattr move_mount move_pages nfsservctl open_by_handle_at open_tree perf_event_open
pidfd_getfd pivot_root process_madvise putpmsg query_module quotactl quotactl_fd reboot request_key security
set_mempolicy set_mempolicy_home_node setdomainname sethostname setns settimeofday stime swapoff swapon sysfs syslog
tuxcall umount umount2 unshare uselib userfaultfd ustat vhangup vm86 vm86old vserver
"""
# Flags of clone(2), each of which makes a namespace: mount, cgroup, UTS, IPC, user, PID, network.
_NAMESPACES = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)


def profile() -> dict[str, Any] | None:
    """What `config.json` says of system calls; None where the kernel or the processor has no filter for them."""
    architectures = _ARCHITECTURES.get(os.uname().machine)
    if architectures is None or not _KERNEL.exists():
        return None
    rules = [
        _denied(_DENIED.split()),
        # Its flags are in memory, where no filter can look: programs go back to clone then.
        {**_denied(["clone3"]), "errnoRet": _ENOSYS},
        *(_denied(["clone"], "SCMP_CMP_MASKED_EQ", flag, flag) for flag in _NAMESPACES),
        # Families of sockets: the kernel's cryptography, the virtual machine's host, and what is newer than XDP.
        _denied(["socket"], "SCMP_CMP_EQ", 38),
        _denied(["socket"], "SCMP_CMP_EQ", 40),
        _denied(["socket"], "SCMP_CMP_GE", 46),
    ]
    return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": architectures, "syscalls": rules}


def _denied(names: list[str], operator: str = "", value: int = 0, second: int | None = None) -> dict[str, Any]:
    """A rule for `names`; with an `operator`, for their first argument."""
    rule: dict[str, Any] = {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": _EPERM}
    if operator:
        argument = {"index": 0, "value": value, "op": operator}
        rule["args"] = [argument if second is None else {**argument, "valueTwo": second}]
    return rule
