"""``python -m adapters.relay.sidecar``."""

from adapters.relay.sidecar.main import main

if __name__ == "__main__":
    main()
