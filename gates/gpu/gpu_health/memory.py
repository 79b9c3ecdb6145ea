"""Judging a device's memory."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.finding import Rule
from arcops.seen.gpu import EccErrors, Unread
from arcops.seen.gpu_profile import Area
from gates.gpu.gpu_health.device import DeviceProblem, JudgedDevice
from gates.gpu.gpu_health.policy import Signal

_NEEDED = ("all", "dram", "sram")
"""The places in which errors must be counted. Devices older than Turing name finer places, which are judged if reported."""


MEMORY_SIZE = Rule(
    id="gpu-health/memory-size",
    asks="Does every GPU have the memory that its kind is sold with?",
    fix="Check for a wrong VBIOS, a vGPU profile or a failed memory channel; have the device replaced.",
)


def size(at: JudgedDevice) -> Iterator[DeviceProblem]:
    total = at.gpu.memory.total
    yield from at.needs("its memory size", total, area=Area.MEMORY_SIZE)
    if isinstance(total, Unread) or at.profile is None or not at.applies(Area.MEMORY_SIZE):
        return
    wanted = at.profile.memory.value
    if total * 100 < wanted * at.policy.least_memory_percent:
        yield at.fails(f"it has {_gigabytes(total)} GB of memory; {at.profile.sku} has {_gigabytes(wanted)} GB")


def _gigabytes(size: int) -> str:
    return f"{size // 10**9}.{size % 10**9 // 10**8}"


ECC_MODE = Rule(
    id="gpu-health/ecc-mode",
    asks="Is error correction on, and does it stay on after the next reset?",
    fix="Turn it on with 'nvidia-smi -e 1' and reset the GPU.",
)


def mode(at: JudgedDevice) -> Iterator[DeviceProblem]:
    memory = at.gpu.memory
    if at.profile is not None and not at.profile.ecc.value and isinstance(memory.ecc, Unread):
        return
    yield from at.needs("whether error correction is on", memory.ecc)
    yield from at.needs("whether error correction stays on", memory.ecc_after_reset)
    if memory.ecc is False:
        yield at.fails("error correction (ECC) is off", "now")
    if memory.ecc_after_reset is False:
        yield at.fails("error correction (ECC) will be off after the next reset", "next")


ECC_ERRORS = Rule(
    id="gpu-health/ecc-errors",
    asks="Are there no memory errors that could not be corrected, and few that could?",
    fix="Drain the node and reset the GPU; if errors come back, run NVIDIA's field diagnosis and have it replaced.",
)


def errors(at: JudgedDevice) -> Iterator[DeviceProblem]:
    excused = at.profile is not None and not at.profile.ecc.value
    counted = {found.location: found for found in at.gpu.memory.errors}
    for place in _NEEDED:
        if place not in counted:
            yield at.fails(f"its memory errors in {place} were not counted", place)
    for place, found in counted.items():
        what = f"the count of memory errors ({place})"
        signals = (found.corrected, found.uncorrected, found.corrected_ever, found.uncorrected_ever)
        yield from at.needs(what, *signals) if place in _NEEDED and not excused else at.lacks(what, *signals)
        yield from _errors_at(at, found)


def _errors_at(at: JudgedDevice, found: EccErrors) -> Iterator[DeviceProblem]:
    place = "in total" if found.location == "all" else f"in its {found.location}"
    if not isinstance(found.uncorrected, Unread) and found.uncorrected:
        text = f"{found.uncorrected} memory error(s) {place} could not be corrected since the driver was loaded"
        yield at.fails(text, f"{found.location} uncorrected")
    ever = found.uncorrected_ever
    if not isinstance(ever, Unread) and ever:
        text, most = f"{ever} memory error(s) {place} could not be corrected over its life", at.policy.most_uncorrected_ever
        key = f"{found.location} uncorrected ever"
        yield at.fails(f"{text}; at most {most} allowed", key) if ever > most else at.warns(text, key)
    if not isinstance(found.corrected, Unread) and found.corrected > at.policy.most_corrected:
        text = f"{found.corrected} memory error(s) {place} were corrected since the driver was loaded"
        yield at.warns(text, f"{found.location} corrected")


SPARES = Rule(
    id="gpu-health/spares",
    asks="Was all failed memory replaced by spare rows or retired pages, and are spares left?",
    fix="Reset the GPU to complete pending repairs. If remapping failed or no spares are left, have the GPU replaced.",
)


def spares(at: JudgedDevice) -> Iterator[DeviceProblem]:
    yield from _rows(at)
    yield from _pages(at)


def _rows(at: JudgedDevice) -> Iterator[DeviceProblem]:
    rows = at.gpu.memory.rows
    if at.profile is None or at.profile.row_remapping.value:
        yield from at.needs("whether memory rows are to be remapped", rows.pending, spare=Signal.REMAPPED_ROWS)
        yield from at.needs("whether remapping a row failed", rows.failed, spare=Signal.REMAPPED_ROWS)
        yield from at.needs("how many rows were remapped", rows.corrected, rows.uncorrected, spare=Signal.REMAPPED_ROWS)
        yield from at.needs("whether banks have spare rows left", rows.exhausted_banks, spare=Signal.SPARE_ROWS)
    if rows.failed is True:
        yield at.fails("remapping a memory row failed", "failed")
    if rows.pending is True:
        yield at.fails("a memory row waits to be remapped at the next reset", "pending")
    if not isinstance(rows.exhausted_banks, Unread) and rows.exhausted_banks:
        yield at.fails(f"{rows.exhausted_banks} memory bank(s) have no spare row left", "exhausted")
    if not isinstance(rows.uncorrected, Unread) and rows.uncorrected > at.policy.most_remapped_rows:
        yield at.warns(f"{rows.uncorrected} memory row(s) were remapped for errors that could not be corrected", "uncorrected")
    if not isinstance(rows.corrected, Unread) and rows.corrected > at.policy.most_remapped_rows:
        yield at.warns(f"{rows.corrected} memory row(s) were remapped for errors that were corrected", "corrected")


def _pages(at: JudgedDevice) -> Iterator[DeviceProblem]:
    pages = at.gpu.memory.pages
    if at.profile is None or at.profile.page_retirement.value:
        yield from at.needs("how many memory pages were retired", pages.corrected, pages.uncorrected)
        yield from at.needs("whether memory pages are to be retired", pages.pending)
    if pages.pending is True:
        yield at.fails("memory pages wait to be retired at the next reset", "pages pending")
    retired = sum(count for count in (pages.corrected, pages.uncorrected) if not isinstance(count, Unread))
    if retired > at.policy.most_retired_pages:
        yield at.fails(f"{retired} memory page(s) were retired; at most {at.policy.most_retired_pages} allowed", "pages")


WEAR = Rule(
    id="gpu-health/wear",
    asks="Is the device free of memory that is worn beyond the vendor's threshold or beyond repair?",
    fix="If repairs are pending, reset the GPU first. If the finding stays, have the GPU replaced.",
)


def wear(at: JudgedDevice) -> Iterator[DeviceProblem]:
    memory = at.gpu.memory
    if at.profile is None or at.profile.sram_threshold.value:
        yield from at.needs("whether its SRAM is worn", memory.sram_worn, spare=Signal.SRAM_THRESHOLD)
    yield from at.needs("whether its memory is beyond repair", memory.unrepairable, spare=Signal.UNREPAIRABLE)
    pending = (memory.channel_repair_pending, memory.tpc_repair_pending)
    yield from at.needs("whether repairs are pending", *pending, spare=Signal.REPAIRS)
    if memory.sram_worn is True:
        yield at.fails("errors in its SRAM passed the vendor's threshold", "sram")
    if memory.unrepairable is True:
        yield at.fails("its memory is beyond repair", "unrepairable")
    if True in pending:
        yield at.fails("a repair of memory or of a processing cluster waits for a reset", "repairs")
