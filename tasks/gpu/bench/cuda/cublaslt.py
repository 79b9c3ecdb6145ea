"""NVIDIA's cuBLASLt, if the site has it. Signatures, sizes and numbers are those of its header (13.10)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from arcops.errors import Refused
from tasks.gpu.bench.cuda.driver import CudaError, Unsuited, bound
from tasks.gpu.bench.cuda.numbers import TF32, NumberFormat
from tasks.gpu.bench.cuda.room import Room

WORKSPACE = 1 << 26
"""Bytes that an algorithm may use in addition to the matrices."""

_R_32F = 0
_COMPUTE_32F, _COMPUTE_32F_FAST_TF32 = 68, 77
_TRANSA, _TRANSB = 3, 4  # cublasLtMatmulDescAttributes_t
_N, _T = 0, 1
_MAX_WORKSPACE_BYTES = 1  # cublasLtMatmulPreferenceAttributes_t

_pointer, _int, _size, _long = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_int64
_out = ctypes.POINTER(ctypes.c_void_p)


class Heuristic(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t; its first member is cublasLtMatmulAlgo_t."""

    _fields_ = (
        ("algorithm", ctypes.c_uint64 * 8),
        ("workspace", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    )


_SIGNATURES: dict[str, tuple[type[Any], ...]] = {
    "cublasLtCreate": (_out,),
    "cublasLtDestroy": (_pointer,),
    "cublasLtMatmulDescCreate": (_out, _int, _int),
    "cublasLtMatmulDescDestroy": (_pointer,),
    "cublasLtMatmulDescSetAttribute": (_pointer, _int, _pointer, _size),
    "cublasLtMatrixLayoutCreate": (_out, _int, ctypes.c_uint64, ctypes.c_uint64, _long),
    "cublasLtMatrixLayoutDestroy": (_pointer,),
    "cublasLtMatmulPreferenceCreate": (_out,),
    "cublasLtMatmulPreferenceDestroy": (_pointer,),
    "cublasLtMatmulPreferenceSetAttribute": (_pointer, _int, _pointer, _size),
    "cublasLtMatmulAlgoGetHeuristic": (
        *(_pointer,) * 7,
        _int,
        ctypes.POINTER(Heuristic),
        ctypes.POINTER(_int),
    ),
    "cublasLtMatmul": (
        *(_pointer,) * 2,
        *(_pointer, *(_pointer,) * 4),
        *(_pointer, *(_pointer,) * 4),
        *(_pointer, _pointer, _size, _pointer),
    ),
}


class CublasLt:
    """The library, and a handle for the device of *room*. Raises `Refused` if the site has no cuBLASLt that can be used."""

    suffix = ""

    def __init__(self, room: Room) -> None:
        self._room = room
        pathfinder = bound("cuda.pathfinder")
        try:
            self._library = ctypes.CDLL(pathfinder.load_nvidia_dynamic_lib("cublasLt").abs_path)
            for name, arguments in _SIGNATURES.items():
                function = getattr(self._library, name)
                function.argtypes, function.restype = arguments, _int
            self._library.cublasLtGetVersion.restype = _size
            self._library.cublasLtGetStatusName.restype = ctypes.c_char_p
        except (RuntimeError, OSError, AttributeError) as error:
            raise Refused("cuBLASLt cannot be loaded") from error
        version = int(self._library.cublasLtGetVersion())
        major = version // 10000
        self.name = f"cuBLASLt {major}.{version // 100 % 100}.{version % 100}"
        handle = _pointer()
        with room.work():
            self._ask("cublasLtCreate", ctypes.byref(handle))
        self._handle: ctypes.c_void_p | None = handle

    def multiply(self, made: NumberFormat, side: int) -> Callable[[int, int, int], None]:
        """Like `Engine.multiply`. cuBLASLt stores matrices by columns, so it computes ``sums' = b * a'``, which is the same."""
        room = self._room
        workspace = room.memory(WORKSPACE)
        operation = self._made("MatmulDesc", _COMPUTE_32F_FAST_TF32 if made is TF32 else _COMPUTE_32F, _R_32F)
        for attribute, value in ((_TRANSA, _T), (_TRANSB, _N)):
            held = ctypes.c_int32(value)
            self._ask("cublasLtMatmulDescSetAttribute", operation, attribute, ctypes.byref(held), ctypes.sizeof(held))
        operand = self._made("MatrixLayout", made.code, side, side, side)
        result = self._made("MatrixLayout", _R_32F, side, side, side)
        preference = self._made("MatmulPreference")
        most = ctypes.c_uint64(WORKSPACE)
        self._ask(
            "cublasLtMatmulPreferenceSetAttribute", preference, _MAX_WORKSPACE_BYTES, ctypes.byref(most), ctypes.sizeof(most)
        )
        found, count = Heuristic(), _int()
        layouts = (operand, operand, result, result)
        code = self._library.cublasLtMatmulAlgoGetHeuristic(
            self._handle,
            operation,
            *layouts,
            preference,
            1,
            ctypes.byref(found),
            ctypes.byref(count),
        )
        if code or not count.value or found.state:
            raise Unsuited(f"{self.name} cannot multiply {made.name} matrices of {side} rows on this GPU")
        alpha, beta = ctypes.c_float(1), ctypes.c_float(0)
        stream = int(room.stream)

        def once(sums: int, a: int, b: int) -> None:
            room.begin()
            self._ask(
                "cublasLtMatmul",
                self._handle,
                operation,
                ctypes.byref(alpha),
                *(b, operand, a, operand),
                ctypes.byref(beta),
                *(sums, result, sums, result),
                ctypes.byref(found),
                workspace,
                found.workspace,
                stream,
            )

        return once

    def close(self) -> None:
        """Release the handle; never raises. After a hung load the call would block, so the handle is not released then."""
        if self._handle is not None and not self._room.lost:
            with suppress(CudaError), self._room.work():
                self._library.cublasLtDestroy(self._handle)
        self._handle = None

    def _made(self, what: str, *arguments: int) -> ctypes.c_void_p:
        """A descriptor, which is released with everything that was made in the same `Room.work`."""
        made = _pointer()
        self._ask(f"cublasLt{what}Create", ctypes.byref(made), *arguments)
        self._room.keep(lambda: self._ask(f"cublasLt{what}Destroy", made))
        return made

    def _ask(self, name: str, *arguments: object) -> None:
        code = getattr(self._library, name)(*arguments)
        if code:
            said = self._library.cublasLtGetStatusName(code)
            called = said.decode() if said else str(code)
            raise CudaError(f"{name} answered {called} ({code})", called)
