"""Confine the process with Linux's Landlock to its data and libraries, without outgoing connections.

The rules apply to threads that start after `confine`, so call it before the engine is loaded. They hold for any SQL of
both logins. (kernel: Documentation/userspace-api/landlock.rst, include/uapi/linux/landlock.h)
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_GET_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38

_WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 14
_READ: Final = _READ_FILE | _READ_DIR
# Rights of a file; a rule for a file may name no others.
_OF_FILES: Final = _WRITE_FILE | _READ_FILE | _TRUNCATE
_EXECUTE, _REFER, _IOCTL_DEVICE = 1 << 0, 1 << 13, 1 << 15
# The rights that a version of Landlock knows: 13 in the first, then REFER, TRUNCATE, IOCTL_DEV.
_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP: Final = 0b11  # bind, connect
_SCOPES: Final = 0b11  # abstract sockets of others, signals to others

# What the engine reads of the system: memory, processors, time zones. /proc holds the environment of processes, so of
# it only single files.
_SYSTEM_FILES: Final = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self/auxv",
    "/proc/self/cgroup",
    "/proc/self/maps",
    "/proc/self/statm",
    "/proc/self/stat",
    "/proc/stat",
    "/proc/uptime",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/max_map_count",
    "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/threads-max",
    "/sys/devices/system",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/dev/random",
    "/dev/urandom",
    # The name `localhost`, at which dictionaries read tables of this engine.
    "/etc/hosts",
    "/etc/nsswitch.conf",
)
# A query has dozens of threads, and the engine reads the statistics of each (/proc/thread-self/schedstat). Without them
# it raises and catches an error for each, which costs small queries much. Threads that begin later have no file yet, so
# the rule is for this folder. The environment stands there as well, so it is overwritten before. The memory stands
# there, too, but a read from its start fails, and the engine reads files from their start.
_THREADS: Final = "/proc/self/task"
_SYSTEM_FOLDERS: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/sys/fs/cgroup")


def confine(writable: Iterable[Path]) -> str | None:
    """Confine this process: read libraries and ``writable``, write below ``writable``, connect to nobody.

    Sockets and files that are open already stay usable. Core dumps are switched off as well. The kernel's copy of the
    environment is overwritten; ``os.environ`` and C's ``getenv`` keep theirs.

    Returns:
        Why the process is less confined than that; None where it is.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    version = int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_GET_VERSION)))
    if not sys.platform.startswith("linux") or version < 1:
        return "this kernel has no Landlock"
    rights = _RIGHTS[min(version, 5)]
    ruleset = _ruleset(libc, version, rights)
    try:
        for path in writable:
            _allow(libc, ruleset, str(path), rights & ~_EXECUTE & ~_IOCTL_DEVICE)
        libraries = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
        libraries.add(str(sysconfig.get_config_var("LIBDIR")))
        for readable in (*libraries, *_SYSTEM_FOLDERS, *_SYSTEM_FILES):
            _allow(libc, ruleset, readable, _READ)
        _allow(libc, ruleset, "/dev/null", _OF_FILES & rights)
        if _overwrite_environment():
            _allow(libc, ruleset, _THREADS, _READ_FILE)
            # Open for as long as the process lives: else the kernel may forget the folder, and its rule with it.
            os.open(_THREADS, os.O_PATH | os.O_CLOEXEC)
        _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)))
    finally:
        os.close(ruleset)
    return None if version >= 4 else "this kernel's Landlock does not know networks"


def _overwrite_environment() -> bool:
    """Zeros over the environment that the process began with; whether the kernel says where it is (man 5 proc)."""
    for name, value in os.environ.items():
        os.environ[name] = value  # moves it elsewhere
    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    begin, end = int(after_name[47]), int(after_name[48])
    if begin:
        ctypes.memset(begin, 0, end - begin)
    return begin > 0


def _ruleset(libc: ctypes.CDLL, version: int, rights: int) -> int:
    attributes = struct.pack("=QQQ", rights, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    return _checked(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0)))


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = rights if Path(path).is_dir() else rights & _OF_FILES
            rule = struct.pack("=Qi", allowed, descriptor)
            _checked(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, ctypes.c_uint32(0)))
        finally:
            os.close(descriptor)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)
