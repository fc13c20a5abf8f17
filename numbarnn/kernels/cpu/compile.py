"""How the CPU kernels are compiled.

`kernel` marks the functions that Python calls: they are cached on disk and run without the GIL, and they are compiled
at their first call, never at import. `inline` marks the functions that only kernels call: they become part of them.
Of several processes that start without a cache, one compiles a kernel, and the others wait and load it.
`error_model="numpy"` because Python's check for division by zero would keep loops from being vectorized.
"""

from __future__ import annotations

import gc
import hashlib
import warnings
from collections.abc import Callable
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

from numba import config, njit, typeof
from numba.core import sigutils
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime import rtsys
from numba.extending import is_jitted

from numbarnn import cells
from numbarnn.cells.registry import CELLS
from numbarnn.kernels.cpu.inlining import INLINE
from numbarnn.kernels.cpu.lock import ProcessLock, process_lock

inline = njit(**INLINE)


class KernelCache(FunctionCache):
    """Numba's cache of compiled functions on disk, made optional.

    If it cannot be read or written (files are truncated or name a class that is gone, the disk is full), the kernel is
    compiled, and written again if possible.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        stamp = self._cache_file._source_stamp
        if isinstance(stamp, tuple):  # older versions of Numba know a file by its time of change and its size
            changed, size = stamp
            stamp = int(changed), size  # a layer of a container image keeps whole seconds
        self._cache_file._source_stamp = stamp, _digest_of_sources()

        self.held: list[ProcessLock] = []  # for what is being compiled

    def lock_of(self, sig: Any) -> ProcessLock:
        """Return the lock of the process that compiles the function for a signature."""
        return self._lock(hashlib.sha256(str(sig).encode()).hexdigest()[:16])

    def _lock(self, name: str) -> ProcessLock:
        return process_lock(Path(self._cache_path, f"{self._impl.filename_base}.{name}.lock"))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function from the cache.

        If it is missing or cannot be read, acquire the lock, look once more, and otherwise return None.
        """
        try:
            found = self._load_now(sig, target_context)
        except Exception:  # unpickling raises almost anything
            found = None
        if found is None and self._enabled:
            lock = self.lock_of(sig)
            if not lock.held:
                lock.acquire()
                self.held.append(lock)
            found = self._load_under_lock(sig, target_context)
        return found

    def _load_now(self, sig: Any, target_context: Any) -> Any:
        """Load the function without all that Numba must know to compile one, which takes a quarter of a second."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)

    def _load_under_lock(self, sig: Any, target_context: Any) -> Any:
        """Look again, since the process that had the lock may have written it."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write the compiled function to the cache, if possible."""
        index = self._lock("index")
        index.acquire()
        try:
            super().save_overload(sig, data)
        except OSError:
            self.disable()
            _warn_of_no_cache()
        except Exception:  # from reading an index that was truncated meanwhile
            self._forget()
        finally:
            index.release()

    def _forget(self) -> None:
        """Make the index an empty one."""
        try:
            self.flush()
        except OSError:
            self.disable()
            _warn_of_no_cache()


@cache
def _digest_of_sources() -> str:
    """Return a digest of the files of which kernels are made; Numba looks at the kernel's own file only."""
    digest = hashlib.sha256()
    for folder in (Path(cells.__file__).parent, Path(__file__).parent):
        for path in sorted(folder.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _warn_of_no_cache() -> None:
    warnings.warn(
        "numbarnn finds no folder in which it can keep its compiled kernels, so that every process compiles them anew,"
        " which takes seconds. Set the environment variable NUMBA_CACHE_DIR to a folder that can be written to.",
        RuntimeWarning,
        stacklevel=2,
    )


def _with_cache(compiled: Any, function: Callable[..., Any]) -> Any:
    """Return the dispatcher with a cache, if there is a folder for it."""
    try:
        compiled._cache = KernelCache(function)
    except RuntimeError:  # "no locator available"
        _warn_of_no_cache()
    else:
        compiled.compile = partial(_compile_once, compiled.compile, compiled._cache.held)
    return compiled


def _compile_once(compile_function: Callable[..., Any], held: list[ProcessLock], *args: Any) -> Any:
    """Compile as Numba does, and release the locks that the cache has acquired meanwhile, also if that fails.

    The garbage collector would look several times at all that Numba makes, which takes a tenth of the time.

    While it compiles a function, Numba may compile others, and the same one for other types, before it returns. The
    locks of different functions are acquired in the order of calls, so that processes do not wait in a circle.
    """
    with global_compiler_lock:
        n_held, collects = len(held), gc.isenabled()
        gc.disable()
        try:
            return compile_function(*args)
        finally:
            if collects:
                gc.enable()
            while len(held) > n_held:
                held.pop().release()


def kernel(function: Callable[..., Any] | None = None, *, fastmath: bool | set[str] = False) -> Any:
    """Return a function as a kernel that Python calls.

    Parameters
    ----------
    function : callable, default=None
        None returns a decorator with the options.
    fastmath : bool or set of str, default=False
        LLVM's flags, such as `{"reassoc"}` for a sum that may be reassociated so that it vectorizes.
    """
    if function is None:
        return partial(kernel, fastmath=fastmath)
    compiled = njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True, fastmath=fastmath)(function)
    return compiled if config.DISABLE_JIT else _with_cache(compiled, function)


def c_function(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function, at once, for callers in C, as `numba.cfunc` does with a cache."""
    args, return_type = sigutils.normalize_signature(signature)

    def compile_now(function: Callable[..., Any]) -> Any:
        compiled = _with_cache(CFunc(function, (args, return_type), locals={}, options={}), function)
        compiled.compile()
        return compiled

    return compile_now


def kernel_for(cell, cached):
    """Return the kernel to call for a cell: the cached one, or a separate one for a class of another package.

    There are two reasons. The index of a cached kernel names the classes of all cells that it was compiled for, and a
    process that cannot import one of them could not read it. And Numba's dispatcher distinguishes named tuples by the
    names of their classes and fields only, so that it would run the equations of the first of two classes of one name.
    """
    cell_class = type(cell)
    return cached if _ships(cell_class) else _callable_of(cached, cell_class)


def kernel_for_class(cell_class, cached):
    """Return the same kernel for callers in compiled code, and for arguments that are not known by the cell's name."""
    return cached if _ships(cell_class) else _kernel_of(cached, cell_class)


def entry_for(cell, cached):
    """Return what `kernel_for` returns as a function that takes the types of its arguments for granted.

    The cell's class and dtype must determine them. Numba's dispatcher looks at the type of each argument at every call,
    in 2 us where a cell is among them.
    """
    return _entries.get((cached, type(cell), cell.R.dtype)) or partial(_first_call, cached, cell)


_entries: dict[tuple[Any, Any, Any], Any] = {}


def _first_call(cached, cell, *args):
    """Call a kernel, which compiles it if need be, and keep its function of machine code."""
    results = kernel_for(cell, cached)(*args)
    compiled = kernel_for_class(type(cell), cached)
    if is_jitted(compiled):
        found = compiled.overloads.get(tuple(map(typeof, args)))
        if found is not None:  # else the cell went by another name
            _entries[cached, type(cell), cell.R.dtype] = found.entry_point
    return results


@cache
def _ships(cell_class: Any) -> bool:
    return cell_class.__module__.startswith("numbarnn.")


@cache
def _kernel_of(cached, cell_class):
    return njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True)(getattr(cached, "py_func", cached))


@cache
def _callable_of(cached, cell_class):
    compiled, alias = _kernel_of(cached, cell_class), _alias_of(cell_class)
    if alias is cell_class or config.DISABLE_JIT:
        return compiled

    def call(*args):
        return compiled(*(_renamed(arg, cell_class, alias) for arg in args))

    return call


_first_of_name: dict[tuple[bytes, tuple[str, ...]], Any] = {
    (cell_class.__name__.encode(), cell_class._fields): cell_class for cell_class in CELLS.values()
}
_aliases = count(2)


@cache
def _alias_of(cell_class: Any) -> Any:
    """Return the class or, if another one came first with its name, a subclass of a name that is unique.

    Without it, the kernels of the class would be right, but the dispatcher would look for each argument's type in
    Python, at every call, which takes ten times as long as the call.
    """
    name = cell_class.__name__
    key = name.encode("ascii", "ignore"), cell_class._fields  # what the dispatcher compares
    if _first_of_name.setdefault(key, cell_class) is cell_class:
        return cell_class
    return type(f"{name}_{next(_aliases)}", (cell_class,), {"__module__": cell_class.__module__, "__slots__": ()})


def _renamed(value: Any, cell_class: Any, alias: Any) -> Any:
    """Return an argument with its cells as ones of the alias."""
    if not isinstance(value, tuple):
        return value
    if type(value) is cell_class:
        return alias._make(value)
    parts = [_renamed(part, cell_class, alias) for part in value]
    return type(value)._make(parts) if hasattr(value, "_make") else tuple(parts)
