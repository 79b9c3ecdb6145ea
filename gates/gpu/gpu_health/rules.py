"""The questions that the gate ``gpu-health`` answers."""

from arcops.finding import Rule

IDENTITY = Rule(
    id="gpu-health/identity",
    asks="Does every GPU say which device it is, each another one?",
    fix="A GPU that cannot say who it is does not work or may not be asked: look into dmesg, reset it, or run as root.",
)
PROFILE = Rule(
    id="gpu-health/profile",
    asks="Is there a capability profile for every kind of GPU here?",
    fix="Add a profile with sources under 'profiles' of gate 'gpu-health', as docs/gpu-health.md shows.",
)
STEADY = Rule(
    id="gpu-health/steady",
    asks="Did every GPU still answer at the end of the check, and does none ask to be reset?",
    fix="Do what the driver asks for (reset the GPU, reboot the node); have a GPU that is lost again replaced.",
)
MEMORY_SIZE = Rule(
    id="gpu-health/memory-size",
    asks="Does every GPU have the memory that its kind is sold with?",
    fix="Check for a wrong VBIOS, a vGPU profile or a failed memory channel; have the device replaced.",
)
ECC_MODE = Rule(
    id="gpu-health/ecc-mode",
    asks="Is error correction on, and does it stay on after the next reset?",
    fix="Turn it on with 'nvidia-smi -e 1' and reset the GPU.",
)
ECC_ERRORS = Rule(
    id="gpu-health/ecc-errors",
    asks="Are there no memory errors that could not be corrected, and few that could?",
    fix="Drain the node and reset the GPU; if errors come back, run NVIDIA's field diagnosis and have it replaced.",
)
SPARES = Rule(
    id="gpu-health/spares",
    asks="Was all memory that failed replaced by spare rows or retired pages, with spares left?",
    fix="Reset the GPU to complete what is pending; after a failed remapping or without spares have it replaced.",
)
WEAR = Rule(
    id="gpu-health/wear",
    asks="Is the device free of memory that is worn beyond the vendor's threshold or beyond repair?",
    fix="Have the GPU replaced; pending repairs need a reset first.",
)
HEAT = Rule(
    id="gpu-health/heat",
    asks="Is every GPU cool enough, with a margin before it slows itself down?",
    fix="Check airflow, fans, dust and the temperature of the room, and the liquid loop where there is one.",
)
CLOCKS = Rule(
    id="gpu-health/clocks",
    asks="Is no GPU slowed down by heat, power or faults?",
    fix="Find the reason that the finding names: cooling, power supply and its cables, or a power cap that somebody set.",
)
POWER = Rule(
    id="gpu-health/power",
    asks="May every GPU draw the power that its kind is made for?",
    fix="Set the limit back with 'nvidia-smi -pl', or lower 'leastPowerPercent' of gate 'gpu-health' if the cap is meant.",
)
PCIE_LINK = Rule(
    id="gpu-health/pcie-link",
    asks="Is every PCIe link as wide and as fast as the device and its kind allow?",
    fix="Reseat the card or its riser, use another slot, and check the firmware's link settings.",
)
PCIE_ERRORS = Rule(
    id="gpu-health/pcie-errors",
    asks="Are the PCIe links free of errors?",
    fix="Reseat the card and its riser; errors that come back are of the slot, the riser or the card.",
)
NVLINK = Rule(
    id="gpu-health/nvlink",
    asks="Are all NVLinks that the kind has up, of its generation, and free of errors?",
    fix="Check bridge or baseboard, the fabric manager and dmesg; reset the GPUs, and have a dead link repaired.",
)
FABRIC = Rule(
    id="gpu-health/fabric",
    asks="Has the NVLink fabric come up, and is it healthy?",
    fix="Start the fabric manager of the driver's own version (nvidia-fabricmanager), and check the switches.",
)
MIG = Rule(
    id="gpu-health/mig",
    asks="Is multi-instance GPU as the policy wants it, now and after the next reset?",
    fix="Set the mode with 'nvidia-smi -mig', create the instances, or let the GPU operator's MIG manager do it.",
)
MODES = Rule(
    id="gpu-health/modes",
    asks="Are persistence and compute mode as the policy wants them?",
    fix="Start nvidia-persistenced; set the compute mode with 'nvidia-smi -c'.",
)
PROCESSES = Rule(
    id="gpu-health/processes",
    asks="Does nobody use the GPUs yet?",
    fix="End the processes that 'nvidia-smi' lists, or allow them with 'processes' of gate 'gpu-health'.",
)
FIRMWARE = Rule(
    id="gpu-health/firmware",
    asks="Are VBIOS and InfoROM known, intact and as new as the policy needs?",
    fix="Update the firmware with the vendor's tool; have a device with a corrupted InfoROM replaced.",
)

RULES = (
    IDENTITY,
    PROFILE,
    STEADY,
    MEMORY_SIZE,
    ECC_MODE,
    ECC_ERRORS,
    SPARES,
    WEAR,
    HEAT,
    CLOCKS,
    POWER,
    PCIE_LINK,
    PCIE_ERRORS,
    NVLINK,
    FABRIC,
    MIG,
    MODES,
    PROCESSES,
    FIRMWARE,
)
