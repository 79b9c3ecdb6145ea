"""The description of a co-deployment as a person writes it: strict YAML. Sizes are bytes or end in KiB, MiB, GiB or TiB;
times end in us, ms or s; a share of memory is a fraction with at most three digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused
from arcops.late_pattern import late
from arcops.roots import ANYWHERE, Roots
from arcops.seen.fit_wanted import MOST_COPIES, MOST_GPUS, MOST_MODELS, GpuGroup, Slo, Wanted, WantedModel
from artifacts.reading import read_file
from artifacts.wire import from_values
from foundation.strict_yaml import JSON, load_all
from tasks.fit.profiles import engine_profile, gpu_profile, partition_of

MOST_BYTES = 1024 * 1024
CACHES = ("auto", "f32", "f16", "bf16", "fp8", "int8", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl", "nvfp4")
LOADS = ("auto", "f32", "f16", "bf16", "fp8")

_NAME = late(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?\Z")
_SIZE = late(r"([0-9]{1,15})(?:\.([0-9]{1,6}))?\s*(B|KiB|MiB|GiB|TiB)\Z")
_TIME = late(r"([0-9]{1,9})(us|ms|s)\Z")
_FRACTION = late(r"([01])(?:\.([0-9]{1,3}))?\Z")
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_TIMES = {"us": 1, "ms": 1000, "s": 1_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gpus:
    """As `GpuGroup`."""

    sku: str
    count: int = 1
    memory: str | int = 0
    reserved: str | int = 0
    mig: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slo:
    """As `Slo`."""

    ttft: str = ""
    tpot: str = ""
    prompt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """As `WantedModel`, in the words of engines' options."""

    path: str
    engine: str
    context: int
    concurrency: int = 1
    replicas: int = 1
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    memory_fraction: str = ""
    cache: str = "auto"
    loads: str = "auto"
    step_tokens: int = 0
    sequences: int = 0
    block_tokens: int = 0
    flash_attention: bool = True
    adapters: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    endpoint: str = ""
    served: str = ""
    slo: _Slo = _Slo()


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """All of it, as it is written."""

    name: str
    gpus: Mapping[str, _Gpus]
    models: Mapping[str, _Model]


def read_description(path: Path, within: Roots = ANYWHERE) -> tuple[Wanted, bytes]:
    """The description in the file at *path*, and its bytes. Raises `Refused` with what is wrong, and where."""
    data = read_file(path, MOST_BYTES, within=within, named=path.name)
    return parse_description(data, about=path.name), data


def parse_description(data: bytes, *, about: str) -> Wanted:
    """The description in *data*. Raises `Refused`; its sentence begins with *about*."""
    try:
        return _wanted(load_all(data, what=about, most_values=20_000))
    except Refused as error:
        said = str(error)
        raise Refused(said if said.startswith(about) else f"{about}: {said}") from error


def _wanted(documents: list[JSON]) -> Wanted:
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise Refused("a description is one mapping with 'name', 'gpus' and 'models'; docs/fit.md has an example")
    document = from_values(Description, _spelled(documents[0]))
    for kind, names, most in (("gpus", document.gpus, MOST_GPUS), ("models", document.models, MOST_MODELS)):
        if not 1 <= len(names) <= most:
            raise Refused(f"'{kind}' names {len(names)}; from 1 to {most} are expected")
        for name in names:
            _plain(f"{kind}.{name[:100]}", name)
    _plain("name", document.name)
    wanted = Wanted(
        name=document.name,
        gpus=tuple(_group(name, one) for name, one in document.gpus.items()),
        models=tuple(_model(name, one) for name, one in document.models.items()),
    )
    if (many := sum(one.count for one in wanted.gpus)) > MOST_GPUS:
        raise Refused(f"'gpus' are {many} devices together; at most {MOST_GPUS} are planned at once")
    if (many := sum(one.replicas for one in wanted.models)) > MOST_COPIES:
        raise Refused(f"'models' have {many} copies together; at most {MOST_COPIES} are planned at once")
    _orders(wanted)
    _devices(wanted)
    return wanted


def _plain(where: str, name: str) -> None:
    if not _NAME.match(name):
        raise Refused(f"{where} is not a plain name; use up to 64 letters, digits, '.', '_' and '-'")


def _group(name: str, one: _Gpus) -> GpuGroup:
    profile = gpu_profile(one.sku)
    if profile is None:
        raise Refused(
            f"gpus.{name}.sku: ArcOps has no profile of a GPU {one.sku[:100]!r}; give the driver's name, as nvidia-smi -L "
            "prints it, or a name of policies/skus"
        )
    group = GpuGroup(
        name=name,
        sku=profile.sku,
        count=one.count,
        memory=_size(f"gpus.{name}.memory", one.memory),
        reserved=_size(f"gpus.{name}.reserved", one.reserved),
        mig=one.mig,
    )
    partition = partition_of(profile.sku)
    for instance in one.mig:
        if partition is None:
            raise Refused(
                f"gpus.{name}.mig: which instances {profile.sku} can have, and of what size, is not known to ArcOps; leave "
                "'mig' out, or plan each instance as a GPU of its own with 'memory' as nvidia-smi mig -lgip prints it"
            )
        if instance not in {known.name for known in partition.instances}:
            names = ", ".join(known.name for known in partition.instances)
            raise Refused(f"gpus.{name}.mig: {profile.sku} has no instance {instance[:40]!r} that ArcOps knows, only {names}")
    if partition is not None and not partition.holds(one.mig):
        raise Refused(f"gpus.{name}.mig: {profile.sku} cannot be divided into {', '.join(one.mig)} at once; take one out")
    return group


def _model(name: str, one: _Model) -> WantedModel:
    here = f"models.{name}"
    profile = engine_profile(one.engine)
    if one.cache not in CACHES:
        raise Refused(f"{here}.cache: {one.cache[:40]!r} is no type of a cache; use one of {', '.join(CACHES)}")
    if one.loads not in LOADS:
        raise Refused(f"{here}.loads: {one.loads[:40]!r} is no type of weights; use one of {', '.join(LOADS)}")
    if any(not path or "\0" in path for path in (one.path, *one.adapters)):
        raise Refused(f"{here} has an empty path; name a folder or file, relative to this description")
    if not profile.splits_tensors and one.tensor_parallel > 1:
        raise Refused(
            f"{here}.tensorParallel: {profile.engine} splits a model by layers, so use 'pipelineParallel' for several GPUs"
        )
    if bool(one.endpoint) != bool(one.served):
        raise Refused(f"{here}: 'endpoint' and 'served' (the model's id there) belong together; give both or leave out both")
    return WantedModel(
        name=name,
        path=one.path,
        engine=profile.engine,
        context=one.context,
        concurrency=one.concurrency,
        replicas=one.replicas,
        tensor=one.tensor_parallel,
        pipeline=one.pipeline_parallel,
        share=_share(f"{here}.memoryFraction", one.memory_fraction),
        cache=one.cache,
        loads=one.loads,
        steps=one.step_tokens,
        sequences=one.sequences,
        block=one.block_tokens,
        flash=one.flash_attention,
        adapters=one.adapters,
        on=one.on,
        after=one.after,
        endpoint=one.endpoint.rstrip("/").removesuffix("/v1").rstrip("/"),
        served=one.served,
        slo=_slo(here, one.slo, one.context),
    )


def _slo(here: str, one: _Slo, context: int) -> Slo:
    found = Slo(ttft=_time(f"{here}.slo.ttft", one.ttft), tpot=_time(f"{here}.slo.tpot", one.tpot), prompt=one.prompt)
    if found.ttft and not 1 <= found.prompt <= context:
        raise Refused(
            f"{here}.slo.prompt is {found.prompt:,}; a time to the first token needs a prompt of 1 to {context:,} tokens"
        )
    return found


def _size(where: str, value: str | int) -> int:
    if isinstance(value, int):
        return value
    found = _SIZE.match(value)
    if found is None:
        raise Refused(f"{where}: {value[:40]!r} is not a size; write such as 16GiB, 81559MiB, or bytes")
    whole, part, unit = found[1], found[2] or "", found[3]
    size: int = int(whole + part) * _UNITS[unit] // 10 ** len(part)
    return size


def _time(where: str, value: str) -> int:
    if not value:
        return 0
    found = _TIME.match(value)
    if found is None or not int(found[1]):
        raise Refused(f"{where}: {value[:40]!r} is not a time; write such as 500ms or 2s")
    return int(found[1]) * _TIMES[found[2]]


def _spelled(document: dict[str, JSON]) -> dict[str, JSON]:
    """*document* with each share of memory as it is spelled, because nothing else in it is a fraction."""
    models = document.get("models")
    if not isinstance(models, dict):
        return document
    told = {name: dict(one) if isinstance(one, dict) else one for name, one in models.items()}
    for one in told.values():
        if isinstance(one, dict) and isinstance(one.get("memoryFraction"), int | float):
            one["memoryFraction"] = str(one["memoryFraction"])
    return {**document, "models": told}


def _share(where: str, value: str) -> int:
    if value in ("auto", ""):
        return -1 if value else 0
    found = _FRACTION.match(value)
    share = int((found[1] or "0") + (found[2] or "").ljust(3, "0")) if found is not None else 0
    if not 1 <= share <= 1000:
        raise Refused(f"{where}: {value[:40]!r} is no share; write such as 0.9, with at most three digits, or auto")
    return share


def _orders(wanted: Wanted) -> None:
    """Every name in ``after`` is a model, and no model waits for itself. Raises `Refused` with the circle."""
    waits = {one.name: one.after for one in wanted.models}
    for name, others in waits.items():
        for other in others:
            if other not in waits:
                raise Refused(f"models.{name}.after names {other[:100]!r}, which is no model of this description")
    if circle := next(_circles(waits), ()):
        raise Refused(f"models wait for one another in a circle ({' after '.join(circle)}); take one 'after' out")


def _circles(waits: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    done: set[str] = set()
    for start in waits:
        path: list[str] = []
        left: list[Iterator[str]] = [iter((start,))]
        while left:
            name = next(left[-1], None)
            if name is None:
                left.pop()
                if path:
                    done.add(path.pop())
            elif name in path:
                yield (*path[path.index(name) :], name)
                return
            elif name not in done:
                path.append(name)
                left.append(iter(waits[name]))


def _devices(wanted: Wanted) -> None:
    """Every name in ``on`` is a device. Raises `Refused`."""
    known = {name for group in wanted.gpus for name in device_names(group)}
    for one in wanted.models:
        for name in one.on:
            if name not in known:
                raise Refused(
                    f"models.{one.name}.on names {name[:100]!r}; the devices are {', '.join(sorted(known)[:8])}"
                    f"{' …' if len(known) > 8 else ''}"
                )
        for number in range(0, len(one.on), one.devices):
            copy = one.on[number : number + one.devices]
            if len(set(copy)) != len(copy):
                raise Refused(f"models.{one.name}.on gives one copy the same device twice; each part of a copy needs its own")


def device_names(group: GpuGroup) -> tuple[str, ...]:
    """The names of a group's devices: ``edge/0``, or ``edge/0/1`` for the second instance of the first GPU."""
    gpus = [f"{group.name}/{number}" for number in range(group.count)]
    return tuple(f"{gpu}/{part}" for gpu in gpus for part in range(len(group.mig))) if group.mig else tuple(gpus)
