"""``python -m adapters.cli`` is ``arcops``."""

from adapters.cli.main import main

main()
