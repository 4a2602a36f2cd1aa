"""Taking everything away from a process that runs a card: for good, and before it does.

landlock(7), seccomp(2), capabilities(7), prctl(2), setrlimit(2). Where the kernel lacks one of the
first two there is no sandbox: `missing` says what, and nobody is told that a weaker one is one.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from functools import cache
from pathlib import Path

from . import seccomp
from .wire import SandboxError

_libc = ctypes.CDLL(None, use_errno=True)
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446
_LANDLOCK_VERSION = 1
_PR_SET_PDEATHSIG, _PR_GET_SECCOMP, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 21, 4, 38
_PR_CAPBSET_READ, _PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 23, 24, 47, 4
_CAPSET, _CAPABILITY_VERSION_3 = 126, 0x20080522
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights on files an ABI of landlock knows."""
_NET_SINCE, _NET = 4, 3  # TCP bind, connect
_SCOPE_SINCE, _SCOPE = 6, 3  # abstract UNIX sockets, signals
_KILL_PROCESS = "kill_process"
_ACTIONS = Path("/proc/sys/kernel/seccomp/actions_avail")
HEADROOM = 64 << 20
"""Bytes of address space a process may still ask for."""
CPU_SECONDS = 3600
"""CPU time in a process's whole life, s."""


@cache
def landlock_version() -> int:
    """The ABI of landlock this kernel has; 0: none."""
    version: int = _libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION)
    return max(0, version)


def _seccomp_kills() -> bool:
    try:
        return _KILL_PROCESS in _ACTIONS.read_text().split()
    except OSError:
        return False


def missing() -> str:
    """What this kernel lacks for a sandbox; empty: nothing."""
    lacks = []
    if not landlock_version():
        lacks.append("landlock (Linux 5.13, CONFIG_SECURITY_LANDLOCK, and `landlock` among lsm=)")
    if not _seccomp_kills():
        lacks.append("seccomp filters (CONFIG_SECCOMP_FILTER)")
    return " and ".join(lacks)


def active() -> str:
    """What a sandbox is made of here, in one line."""
    lacks = missing()
    if lacks:
        return f"none: the kernel lacks {lacks}"
    return (
        f"landlock ABI {landlock_version()}, seccomp allow list of "
        f"{len(seccomp.ALLOWED) + 4} system calls"
    )


def die_with(parent: int) -> None:
    """Be killed when the process that has forked this one ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it has ended before
        os._exit(1)


def no_files() -> None:
    """No access to any file, and no way back. Raises `SandboxError`."""
    version = landlock_version()
    rights = _FILE_RIGHTS[max((abi for abi in _FILE_RIGHTS if abi <= version), default=1)]
    net = _NET if version >= _NET_SINCE else 0
    scope = _SCOPE if version >= _SCOPE_SINCE else 0
    size = 24 if scope else 16 if net else 8
    attributes = struct.pack("<QQQ", rights, net, scope)[:size]
    _prctl(_PR_SET_NO_NEW_PRIVS, "no_new_privs")
    ruleset = _libc.syscall(_LANDLOCK_CREATE, attributes, size, 0)
    if ruleset < 0 or _libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0):
        raise SandboxError(f"landlock: {os.strerror(ctypes.get_errno())}")
    os.close(ruleset)


def _prctl(option: int, name: str, value: int = 1) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        raise SandboxError(f"{name}: {os.strerror(ctypes.get_errno())}")


def no_capabilities() -> None:
    """None of root's powers. After `no_files`: no_new_privs is on. Raises `SandboxError`."""
    number = 0
    while _libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) >= 0:  # to the kernel's last
        # Refused to who has no CAP_SETPCAP: no_new_privs keeps what is left from being used.
        _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
        number += 1
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    if _libc.syscall(_CAPSET, header, bytes(24)):
        raise SandboxError(f"capset: {os.strerror(ctypes.get_errno())}")


def address_space() -> int:
    """Bytes of address space this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def limit(space: int, cpu_seconds: int = CPU_SECONDS) -> None:
    """No core dump, no file, no process; `space` bytes of address space, so much CPU time."""
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        resource.setrlimit(what, (0, 0))
    _prctl(_PR_SET_DUMPABLE, "dumpable", 0)


def no_system_calls() -> None:
    """None but those of `seccomp.ALLOWED`; the first other one kills. Raises `SandboxError`."""
    if not seccomp.install(_libc):
        raise SandboxError(f"seccomp: {os.strerror(ctypes.get_errno())}")
