"""Where NumPy's own OpenBLAS keeps its matrix product."""

import ctypes
from functools import cache

from axon.blas import carried


@cache
def sgemm_address() -> int:
    """The address of ``cblas_sgemm`` with 64-bit sizes; 0 if NumPy brought no such library."""
    function = getattr(carried(), "scipy_cblas_sgemm64_", None)
    return (ctypes.cast(function, ctypes.c_void_p).value or 0) if function else 0
