"""Functions that only kernels call: they are compiled to LLVM IR, which is linked into each kernel.

Numba optimizes every function, and makes machine code of it, before another one may call it. Of a function that Python
never calls, only the IR is ever used, and LLVM optimizes it within the kernel.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


class InlineLibrary(JITCodeLibrary):
    """The LLVM IR of a function and of everything that it calls, not optimized."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class InlineLowering(NativeLowering):
    """Lowering to an InlineLibrary."""

    _name = "inline_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower, and make the function known to its callers by an object that Python cannot call."""
        state.library = InlineLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        if not _makes_arrays(state):  # counts of references would keep LLVM from moving loads out of loops
            state.targetctx = state.targetctx.subtarget(enable_nrt=False)
        super().run_pass(state)
        state.library.finalize()
        key = object().__reduce__  # a built-in method, as the dispatcher asks for, and another one each time
        state.targetctx.insert_user_function(key, state.cr.fndesc, [state.library])
        state.cr = state.cr._replace(cfunc=key)
        return True


def _makes_arrays(state: Any) -> bool:
    """Return whether a function returns arrays, or calls one that does; others need not count references."""
    of_calls = [signature.return_type for signature in state.calltypes.values() if signature is not None]
    return any(_holds_array(kind) for kind in (state.return_type, *of_calls))


def _holds_array(kind: Any) -> bool:
    return isinstance(kind, types.Array) or any(map(_holds_array, getattr(kind, "types", ())))


class InlineCompiler(CompilerBase):
    """Numba's compiler for functions that only kernels call."""

    def define_pipelines(self) -> list[Any]:
        """Return the usual passes with the lowering replaced."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [(InlineLowering if p is NativeLowering else p, doc) for p, doc in passes.passes]
        passes._finalized = False
        passes.finalize()
        return [passes]


# Options of Numba's decorators for such functions.
INLINE = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": InlineCompiler,
}
