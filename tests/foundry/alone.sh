#!/bin/sh
# Run a command with no network except loopback, so that nothing it does leaves this machine.
if unshare -rn true 2>/dev/null; then
    exec unshare -rn sh -c 'ip link set lo up && exec "$@"' alone "$@"
fi
echo "no network namespace can be made here (unshare -rn), so the network is not cut off" >&2
exec "$@"
