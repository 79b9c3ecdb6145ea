"""Collectors of what the GPUs of a node, their driver and the kernel say of them."""

from tasks.gpu.gpu_driver import driver
from tasks.gpu.gpu_log import kernel_log
from tasks.gpu.gpu_profiles import profiles
from tasks.gpu.gpus import gpus

__all__ = ["driver", "gpus", "kernel_log", "profiles"]
