"""Does a driver answer on this node, and which?"""

from __future__ import annotations

import ctypes
import importlib.metadata
from datetime import timedelta
from pathlib import Path
from typing import Any

from arcops.collector import Bounds, collector
from arcops.errors import Refused, Unavailable
from arcops.evidence import Seen, Sighting, Source, SourceKind
from arcops.request import Request
from arcops.seen.gpu import Confidential, Count, DriverState, Flag, GpuDriver, Text, Unread, Why
from artifacts.reading import digest_if_readable
from tasks.gpu.asking import Nvml, as_count, as_flag, binding
from tasks.gpu.pci_bus import gpus_on_bus

NODE = "gpu-node"
"""The kind of subject that these collectors look at; ``target`` is the root of the node's files, usually ``/``."""


def refuse_other(request: Request) -> None:
    """Raise `Refused` if *request* is about a subject that has no GPUs, such as a model on disk."""
    if request.kind != NODE:
        raise Refused(f"a {request.kind} has no GPUs; check the node itself with 'arcops gpu check'")


def node_bounds(request: Request) -> Bounds:
    """The devices, and of the node's files only those in which the kernel lists them: the root holds the files of all users."""
    return Bounds(files=(request.target / "sys",), devices=True)


@collector("gpu-driver", GpuDriver, version="1", deadline=timedelta(minutes=1), isolated=True, bounds=node_bounds)
def driver(request: Request, seen: Seen) -> Sighting[GpuDriver]:
    """What the driver says about itself, or why it does not answer."""
    refuse_other(request)
    on_bus = gpus_on_bus(request.target)
    try:
        nvml = Nvml(binding())
    except Unavailable as error:
        return Sighting(body=_without(DriverState.NO_BINDING, f"{error}.", on_bus))
    begun = nvml.wake("nvmlInit")
    if isinstance(begun, Unread):
        return Sighting(body=_without(*_diagnosis(nvml, begun), on_bus))
    body = GpuDriver(
        state=DriverState.ANSWERS,
        said="The driver answers.",
        version=nvml.text("nvmlSystemGetDriverVersion"),
        cuda=nvml.count("nvmlSystemGetCudaDriverVersion_v2", least=1000),
        devices=as_count(nvml.wake("nvmlDeviceGetCount"), "nvmlDeviceGetCount"),
        on_bus=on_bus,
        confidential=_confidential(nvml),
    )
    nvml.ask("nvmlShutdown")
    return Sighting(body=body, sources=_sources(nvml))


def _diagnosis(nvml: Nvml, begun: Unread) -> tuple[DriverState, str]:
    library = nvml.library
    if begun.why is Why.TIMED_OUT:
        return DriverState.HANGS, "The NVIDIA driver does not answer: its first call has not returned."
    known = {
        library.NVML_ERROR_LIBRARY_NOT_FOUND: (
            DriverState.NO_LIBRARY,
            "No NVIDIA driver library (libnvidia-ml.so.1) can be loaded on this node.",
        ),
        library.NVML_ERROR_DRIVER_NOT_LOADED: (DriverState.NOT_LOADED, "The NVIDIA driver is installed but not loaded."),
        library.NVML_ERROR_NO_PERMISSION: (DriverState.FORBIDDEN, "This user has no permission to use the NVIDIA driver."),
        library.NVML_ERROR_LIB_RM_VERSION_MISMATCH: (
            DriverState.MISMATCHED,
            "The loaded NVIDIA driver and its library have different versions.",
        ),
    }
    for code, (state, said) in known.items():
        if begun == nvml.refusal("nvmlInit", code):
            return state, said
    return DriverState.FAILED, f"The NVIDIA driver could not be asked: {begun.said}."


def _sources(nvml: Nvml) -> tuple[Source, ...]:
    """The library that answered, as the kernel maps it into this process, and the binding that asked it."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        lines = []
    paths = sorted({Path(line.split(maxsplit=5)[5]) for line in lines if "/libnvidia-ml.so" in line})
    version = importlib.metadata.version("nvidia-ml-py")
    return (
        *(Source(name=str(path), kind=SourceKind.TOOL, digest=digest_if_readable(path)) for path in paths),
        Source(name=f"nvidia-ml-py {version}", kind=SourceKind.TOOL),
    )


def _without(state: DriverState, said: str, on_bus: Count) -> GpuDriver:
    unread = Unread(why=Why.FAILED, said="no driver answers")
    nothing = Confidential(capable=unread, on=unread, environment=unread, debuggable=unread)
    return GpuDriver(state=state, said=said, version=unread, cuda=unread, devices=unread, on_bus=on_bus, confidential=nothing)


def _confidential(nvml: Nvml) -> Confidential:
    capabilities = nvml.ask("nvmlSystemGetConfComputeCapabilities")
    capable: Flag = (
        capabilities
        if isinstance(capabilities, Unread)
        else as_flag(capabilities.gpusCaps, "nvmlSystemGetConfComputeCapabilities")
    )
    settings = _settings(nvml)
    if isinstance(settings, Unread):
        return Confidential(capable=capable, on=settings, environment=settings, debuggable=settings)
    name = "nvmlSystemGetConfComputeSettings"
    return Confidential(
        capable=capable,
        on=as_flag(settings.ccFeature, name),
        environment=_environment(nvml, settings.environment, name),
        debuggable=as_flag(settings.devToolsMode, name),
    )


def _settings(nvml: Nvml) -> Any:
    """The settings (an older driver gives the state, which says the same); or an `Unread`."""
    name = "nvmlSystemGetConfComputeSettings"
    try:
        settings = nvml.library.c_nvmlSystemConfComputeSettings_v1_t()
    except AttributeError:
        return Unread(why=Why.NO_SYMBOL, said=f"the installed nvidia-ml-py does not have {name}")
    code = nvml.ask(name, ctypes.byref(settings))  # the binding returns this function's code and raises nothing
    if isinstance(code, Unread):
        return nvml.ask("nvmlSystemGetConfComputeState") if code.why is Why.NO_SYMBOL else code
    return settings if code == nvml.library.NVML_SUCCESS else nvml.refusal(name, code)


def _environment(nvml: Nvml, value: object, name: str) -> Text:
    number = as_count(value, name)
    if isinstance(number, Unread):
        return number
    known = {
        nvml.library.NVML_CC_SYSTEM_ENVIRONMENT_UNAVAILABLE: "unavailable",
        nvml.library.NVML_CC_SYSTEM_ENVIRONMENT_SIM: "simulation",
        nvml.library.NVML_CC_SYSTEM_ENVIRONMENT_PROD: "production",
    }
    return known.get(number) or Unread(
        why=Why.BLANK, said=f"{name} answered the environment {number}, which ArcOps does not know"
    )
