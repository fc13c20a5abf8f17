"""A lock between processes."""

from __future__ import annotations

import errno
import sys
import time
from functools import cache
from pathlib import Path
from typing import BinaryIO

from numba.core import event

if sys.platform == "win32":
    import msvcrt

    def _lock_now(file: BinaryIO) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock_now(file: BinaryIO) -> None:
        # Unlike those of flock, these locks are not inherited by a forked process, which could outlive the holder.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


WAITING = "numbarnn:waiting"
"""Kind of the event of Numba's that is triggered while a process waits for another one."""

_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_PAUSE = 0.02
_PATIENCE = 120.0


class ProcessLock:
    """A lock on a file that one process holds at a time, until it releases the lock or ends, in whatever way.

    It does not keep the threads of one process apart. Where a file cannot be locked, nobody waits for anybody.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    @property
    def held(self) -> bool:
        """Whether this process holds the lock."""
        return self._file is not None

    def acquire(self) -> None:
        """Take the lock, as soon as no other process holds it.

        After two minutes the process goes on without it, in case the holder is suspended. It goes on at once where the
        file cannot be locked: the folder cannot be written to, or its file system has no locks.
        """
        if self.held:
            return
        try:
            file = self._path.open("ab")
        except OSError:
            return
        try:
            if _locked(file) or _locked_later(file):
                self._file = file
        except OSError:
            pass
        finally:
            if self._file is not file:
                file.close()

    def release(self) -> None:
        """Give the lock back, if this process holds it."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


@cache
def process_lock(path: Path) -> ProcessLock:
    """Return this process's only lock on a file; a second one, when it is closed, would release the first."""
    return ProcessLock(path)


def _locked(file: BinaryIO) -> bool:
    """Lock a file; return False if another process has locked it.

    Raises
    ------
    OSError
        If its file system has no locks.
    """
    try:
        _lock_now(file)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        return False
    return True


def _locked_later(file: BinaryIO) -> bool:
    """Lock a file when the process that has locked it is through; return False if that takes too long."""
    with event.trigger_event(WAITING):
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            time.sleep(_PAUSE)
            if _locked(file):
                return True
    return False
