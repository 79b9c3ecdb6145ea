"""The rules of the gate ``fit``."""

from __future__ import annotations

from arcops.finding import Rule

READ = Rule(
    id="fit/read",
    asks="Are the headers and the configuration of each model known as a whole, and do they say the same?",
    fix="Bring the missing file, or name the file that the engine loads; a model that is half there cannot be planned.",
)
PLACED = Rule(
    id="fit/placed",
    asks="Is there a placement in which every copy of every model has room?",
    fix="Use a smaller cache type, less context or fewer requests, split the model over more GPUs, or leave one out.",
)
MEMORY = Rule(
    id="fit/memory",
    asks="Does each device hold what it must at worst, with the spare that the policy wants?",
    fix="Lower an engine's memoryFraction, or ask for less. Say what is uncertain: 'memory' as nvidia-smi shows it, "
    "'stepTokens' and 'sequences' as the engine has them.",
)
CONTEXT = Rule(
    id="fit/context",
    asks="Does each model's configuration allow the wanted context?",
    fix="Ask for less context; beyond its positions a model answers nonsense, and most engines refuse to start.",
)
HELD = Rule(
    id="fit/concurrency",
    asks="Has each model room for as many requests at once as it must hold?",
    fix="Give its engine a larger share, use a smaller cache type, or ask for less context or fewer requests.",
)
GOALS = Rule(
    id="fit/goals",
    asks="Can the times be kept at that concurrency, by what the GPU can do at most?",
    fix="Ask for fewer requests at once or a longer time, split the model over more GPUs, or use smaller weights.",
)
STARTED = Rule(
    id="fit/started",
    asks="Do engines that share a device and measure its free memory start one after another?",
    fix="Write 'after: [NAME]' for the one that starts later, and start it so.",
)
MEASURED = Rule(
    id="fit/measured",
    asks="Does what was measured at the endpoint bear the plan out?",
    fix="Run 'arcops inference check' at the endpoint, on its machine so that it sees the GPU's memory, and compare again.",
)
RULES = (READ, PLACED, MEMORY, CONTEXT, HELD, GOALS, STARTED, MEASURED)
