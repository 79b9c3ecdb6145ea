#!/usr/bin/env bash
# uvloop 0.23.0: the transport that `loop.subprocess_exec` gives to a protocol has every method of asyncio.SubprocessTransport
# (get_pid, get_returncode, get_pipe_transport, kill), and is no instance of it, nor of asyncio.BaseTransport. The transports of
# its pipes are no instances of asyncio.WriteTransport and ReadTransport either. So code that narrows a transport by isinstance
# works with asyncio's own loop, and takes the other branch under uvloop, without any error.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'uvloop==0.23.0' 2>/dev/null
cat > "$folder/seen.py" <<'PY'
import asyncio, sys, uvloop

async def kinds():
    seen = asyncio.get_running_loop().create_future()

    class Child(asyncio.SubprocessProtocol):
        def connection_made(self, transport):
            seen.set_result(transport)

    await asyncio.get_running_loop().subprocess_exec(Child, sys.executable, "-c", "input()", stderr=None)
    child = await seen
    found = (
        isinstance(child, asyncio.SubprocessTransport),
        isinstance(child, asyncio.BaseTransport),
        isinstance(child.get_pipe_transport(0), asyncio.WriteTransport),
        isinstance(child.get_pipe_transport(1), asyncio.ReadTransport),
        child.get_pid() > 0,
    )
    child.close()
    return found

with asyncio.Runner() as plain, asyncio.Runner(loop_factory=uvloop.new_event_loop) as fast:
    own, other = plain.run(kinds()), fast.run(kinds())
print("asyncio", own, "| uvloop", uvloop.__version__, other)
assert own == (True, True, True, True, True)
assert other == (False, False, False, False, True)
PY
"$folder/venv/bin/python" -W ignore "$folder/seen.py"
