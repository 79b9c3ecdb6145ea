"""The driver's API (libcuda) through NVIDIA's binding: every code that it returns is success or an error of ours."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from arcops.errors import Refused, Unavailable
from arcops.extras import of, without

_FOR_GOOD = {
    "CUDA_ERROR_NO_DEVICE": "give this process a GPU (the container's devices, CUDA_VISIBLE_DEVICES), or use --cpu",
    "CUDA_ERROR_NOT_PERMITTED": "give the user who runs this access to /dev/nvidia*",
    "CUDA_ERROR_OPERATING_SYSTEM": "give the user who runs this access to /dev/nvidia*, and check that nvidia-uvm is loaded",
    "CUDA_ERROR_STUB_LIBRARY": "the libcuda that was found is only a stub for linking; make the loader find the driver's first",
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": "the driver in the kernel and its library have different versions; restart the node",
    "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE": "remove the CUDA compatibility package, which this GPU cannot use",
    "CUDA_ERROR_INSUFFICIENT_DRIVER": "update the driver",
}
_ADVICE = {
    "CUDA_ERROR_SYSTEM_NOT_READY": "the NVLink fabric is not ready; check the service nvidia-fabricmanager",
    "CUDA_ERROR_DEVICE_UNAVAILABLE": "another process has exclusive use of the GPU; end it, or set the compute mode to default",
    "CUDA_ERROR_OUT_OF_MEMORY": "another process holds the GPU's memory; end it and measure again",
    "CUDA_ERROR_ECC_UNCORRECTABLE": "the GPU's memory has an error that cannot be corrected; see 'arcops gpu check'",
    "CUDA_ERROR_NVLINK_UNCORRECTABLE": "a link between GPUs is broken; see 'arcops gpu check'",
    "CUDA_ERROR_CONTAINED": "the GPU's memory had an error that affected this process; see 'arcops gpu check'",
    "CUDA_ERROR_INVALID_IMAGE": "the driver may be older than the compiler; update it",
    "CUDA_ERROR_NO_BINARY_FOR_GPU": "the kernels were compiled for another GPU",
    "CUDA_ERROR_UNSUPPORTED_PTX_VERSION": "the driver is older than the compiler; update it",
}


class CudaError(Unavailable):
    """The driver answered with an error. ``name`` is the name of the error, such as ``CUDA_ERROR_OUT_OF_MEMORY``."""

    def __init__(self, said: str, name: str) -> None:
        super().__init__(said)
        self.name = name


class Unsuited(Refused):
    """The engine cannot multiply this format on this GPU."""


class Cuda:
    """The binding's *driver* module, one call at a time."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def call(self, name: str, *arguments: object) -> Any:
        """What the function *name* answers: nothing, one value, or several. Raises `CudaError`."""
        try:
            code, *values = getattr(self.driver, name)(*arguments)
        except AttributeError as error:
            raise Refused(f"the installed package cuda-bindings has no {name}; install another version: {of('gpu')}") from error
        except RuntimeError as error:  # the binding's way to say that a library, or a function in it, is not there
            raise CudaError(f"{name} is not in the driver's library; update the driver", "CUDA_ERROR_NOT_FOUND") from error
        except ValueError as error:  # of a code that the binding has no name for
            raise CudaError(f"the answer of {name} cannot be read: {error}", "CUDA_ERROR_UNKNOWN") from error
        if int(code):
            raise self.error(name, code)
        return values[0] if len(values) == 1 else tuple(values)

    def error(self, name: str, code: Any) -> CudaError:
        """The answer *code* of the function *name* as an error."""
        called = str(getattr(code, "name", code))
        advice = _ADVICE.get(called) or _FOR_GOOD.get(called)
        return CudaError(f"{name} answered {called} ({int(code)}){f': {advice}' if advice else ''}", called)

    def value(self, enumeration: str, name: str) -> Any:
        """The binding's constant *name* of *enumeration*."""
        return getattr(getattr(self.driver, enumeration), name)

    def attribute(self, device: object, name: str) -> int:
        """What the driver says of *device*, by the end of the attribute's name."""
        return int(self.call("cuDeviceGetAttribute", self.value("CUdevice_attribute", f"CU_DEVICE_ATTRIBUTE_{name}"), device))


def bound(module: str) -> ModuleType:
    """NVIDIA's module *module*. Raises `Refused` if it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Refused(f"NVIDIA's {module} cannot be imported: {without('cuda')}") from error


def started() -> Cuda:
    """The driver, after a call to start it. Raises `Refused` if it cannot start for a permanent reason, else `CudaError`."""
    cuda = Cuda(bound("cuda.bindings.driver"))
    try:
        cuda.driver.cuDriverGetVersion()
    except RuntimeError as error:
        raise Refused("no NVIDIA driver: libcuda.so.1 was not found; install the driver, or use --cpu") from error
    try:
        cuda.call("cuInit", 0)
    except CudaError as error:
        raise (Refused(str(error)) if error.name in _FOR_GOOD else error) from error
    return cuda
