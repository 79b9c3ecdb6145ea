"""Collectors of what the GPUs of a node, their driver and the kernel say of them."""

from tasks.gpu.devices import gpus
from tasks.gpu.driver import driver
from tasks.gpu.kernel_log import kernel_log
from tasks.gpu.profiles import profiles

__all__ = ["driver", "gpus", "kernel_log", "profiles"]
