"""Calls NVIDIA's library (NVML) through its binding: every answer is a plausible value, or an `Unread` with the reason.

A call into the driver may never return, so each is made in a thread that is abandoned when it is late. Every later call
is unread, too: the library may hold a lock, and the calling process is killed at its deadline anyway.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeVar

from arcops.errors import Unavailable
from arcops.seen.gpu import Count, Flag, Text, Unread, Why

T = TypeVar("T")

SECONDS_A_CALL = 5.0
SECONDS_TO_WAKE = 15.0
"""Additional seconds for a call that starts the driver, or wakes a device whose persistence mode is off."""

_LARGEST = 2**53 - 1
_BLANK_COUNTS = frozenset((0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF))
_BLANK_TEXTS = frozenset(("", "n/a", "[n/a]", "unknown", "[unknown error]", "not available", "none", "0"))
_MOST_TEXT = 200


def binding() -> ModuleType:
    """NVIDIA's own binding. Raises `Unavailable` if it is not installed."""
    try:
        import pynvml  # type: ignore[import-untyped]  # NVIDIA ships no types
    except ImportError as error:
        raise Unavailable("NVIDIA's Python package nvidia-ml-py cannot be imported; install ArcOps again") from error
    module: ModuleType = pynvml
    return module


class Nvml:
    """The library, one call at a time. ``hung`` names the call that did not return; empty if all did."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self.hung = ""
        self._codes: dict[int, str] = {
            number: constant.removeprefix("NVML_ERROR_")
            for constant, number in vars(library).items()
            if constant.startswith("NVML_ERROR_")
        }
        self._seconds, self._to_wake = SECONDS_A_CALL, SECONDS_TO_WAKE
        self._asked: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._answered: queue.SimpleQueue[tuple[object, Exception | None]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="nvml", daemon=True).start()

    def _work(self) -> None:
        while True:
            work = self._asked.get()
            try:
                self._answered.put((work(), None))
            except Exception as error:  # any error of the binding is an answer, and the next call may still succeed
                self._answered.put((None, error))

    def ask(self, name: str, *arguments: object, waits: float = 0.0) -> Any:
        """What the binding's function *name* answers, or an `Unread`. *waits* are seconds that it is expected to sleep."""
        if self.hung:
            return Unread(why=Why.TIMED_OUT, said=f"{name} was not called, because {self.hung} had not returned")
        function = getattr(self.library, name, None)
        if function is None:
            return Unread(why=Why.NO_SYMBOL, said=f"the installed nvidia-ml-py does not have {name}")
        self._asked.put(lambda: function(*arguments))
        try:
            value, error = self._answered.get(timeout=self._seconds + waits)
        except queue.Empty:
            self.hung = name
            return Unread(why=Why.TIMED_OUT, said=f"{name} did not return within {self._seconds + waits:g} s")
        return value if error is None else self._unread(name, error)

    def wake(self, name: str, *arguments: object) -> Any:
        """Like `ask`, for a call that may have to wait until the driver starts or a device wakes."""
        return self.ask(name, *arguments, waits=self._to_wake)

    def _unread(self, name: str, error: Exception) -> Unread:
        if isinstance(error, self.library.NVMLError):
            return self.refusal(name, error.value)
        if isinstance(error, self.library.NVMLLibraryMismatchError):
            return Unread(why=Why.NO_SYMBOL, said=f"the driver's library does not have {name}")
        return Unread(why=Why.FAILED, said=f"the answer of {name} cannot be read ({type(error).__name__})")

    def refusal(self, name: str, code: int) -> Unread:
        """A reason made of the error code *code* that the function *name* returned."""
        said = f"{name} answered {self._codes.get(code, 'an unknown code')} ({code})"
        return Unread(why=_reason(self.library, code), said=said)

    def count(self, name: str, *arguments: object, least: int = 0, most: int = _LARGEST) -> Count:
        return as_count(self.ask(name, *arguments), name, least=least, most=most)

    def flag(self, name: str, *arguments: object) -> Flag:
        return as_flag(self.ask(name, *arguments), name)

    def text(self, name: str, *arguments: object) -> Text:
        return as_text(self.ask(name, *arguments), name)

    def fields(self, device: object, wanted: Mapping[str, int], *, scope: int | None = None) -> dict[str, Count]:
        """Field values by our names. The call may succeed although single values failed."""
        (found,) = self._field_values(device, wanted, (scope,))
        return found

    def scoped_fields(self, device: object, wanted: Mapping[str, int], scopes: Sequence[int]) -> list[dict[str, Count]]:
        """The same for each of *scopes*, such as links, in one call."""
        return self._field_values(device, wanted, scopes) if scopes else []

    def _field_values(self, device: object, wanted: Mapping[str, int], scopes: Sequence[int | None]) -> list[dict[str, Count]]:
        if isinstance(device, Unread):
            return [dict.fromkeys(wanted, device) for _ in scopes]
        name = "nvmlDeviceGetFieldValues"
        ids = [number if scope is None else (number, scope) for scope in scopes for number in wanted.values()]
        answers = self.ask(name, device, ids)
        if isinstance(answers, Unread):
            return [dict.fromkeys(wanted, answers) for _ in scopes]
        told = iter(answers)
        return [{key: self._field(next(told), f"{name}[{number}]") for key, number in wanted.items()} for _ in scopes]

    def _field(self, answer: Any, name: str) -> Count:
        if answer.nvmlReturn != self.library.NVML_SUCCESS:
            return self.refusal(name, answer.nvmlReturn)
        members = {
            self.library.NVML_VALUE_TYPE_UNSIGNED_INT: "uiVal",
            self.library.NVML_VALUE_TYPE_UNSIGNED_LONG: "ulVal",
            self.library.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG: "ullVal",
            self.library.NVML_VALUE_TYPE_SIGNED_LONG_LONG: "sllVal",
            self.library.NVML_VALUE_TYPE_SIGNED_INT: "siVal",
            self.library.NVML_VALUE_TYPE_UNSIGNED_SHORT: "usVal",
        }
        member = members.get(answer.valueType)
        if member is None:  # an entry that the driver did not write is all zeros: success, and of the type double
            return Unread(why=Why.BLANK, said=f"the driver gave no value for {name}")
        return as_count(getattr(answer.value, member), name, least=-_LARGEST)


def _reason(library: Any, code: int) -> Why:
    known = {
        library.NVML_ERROR_NOT_SUPPORTED: Why.UNSUPPORTED,
        library.NVML_ERROR_VGPU_ECC_NOT_SUPPORTED: Why.UNSUPPORTED,
        library.NVML_ERROR_NO_PERMISSION: Why.FORBIDDEN,
        library.NVML_ERROR_GPU_IS_LOST: Why.LOST,
        library.NVML_ERROR_GPU_NOT_FOUND: Why.LOST,
        library.NVML_ERROR_RESET_REQUIRED: Why.LOST,
        library.NVML_ERROR_TIMEOUT: Why.TIMED_OUT,
        library.NVML_ERROR_FUNCTION_NOT_FOUND: Why.NO_SYMBOL,
        library.NVML_ERROR_ARGUMENT_VERSION_MISMATCH: Why.NO_SYMBOL,
        library.NVML_ERROR_DEPRECATED: Why.UNSUPPORTED,
        library.NVML_ERROR_NO_DATA: Why.BLANK,
    }
    return known.get(code, Why.FAILED)


def as_count(value: Any, name: str, *, least: int = 0, most: int = _LARGEST) -> Count:
    """*value* as a whole number between *least* and *most*, unless it is a number that means "not available"."""
    if isinstance(value, Unread):
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        return Unread(why=Why.FAILED, said=f"{name} answered a {type(value).__name__} instead of a number")
    if value in _BLANK_COUNTS or not least <= value <= most:
        return Unread(why=Why.BLANK, said=f"{name} answered {value:#x}, which means 'no value'")
    return value


def as_flag(value: Any, name: str) -> Flag:
    """*value*, which must be 0 or 1, as yes or no."""
    counted = as_count(value, name, most=1)
    return counted if isinstance(counted, Unread) else bool(counted)


def as_text(value: Any, name: str) -> Text:
    """*value* as a printable name, unless it is a text that means "not available"."""
    if isinstance(value, Unread):
        return value
    if not isinstance(value, str):
        return Unread(why=Why.FAILED, said=f"{name} answered a {type(value).__name__} instead of a text")
    text = value.strip()
    if text.casefold() in _BLANK_TEXTS or not text.isprintable() or len(text) > _MOST_TEXT:
        return Unread(why=Why.BLANK, said=f"{name} answered an empty text, or one that means 'not available'")
    return text
