"""A Python server that is ready to be forked: what it imports is there, and each session is a fork of this process.

Its source is run by the server's own interpreter, in the server's box, so it imports nothing of ours. ``sys.argv[1]`` is JSON:
``module``, or ``file``, is what is imported once, and ``run`` or ``file`` what each fork runs then, with ``arguments``.
Standard input is a socket to the host: it asks for forks, each with its streams and variables, and for their ends
(`foundation.processes.zygote`). A fork ends with this process.
"""

import array
import ctypes
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress

MOST = 128 * 1024
_SIGKILL, _PDEATHSIG = 9, 1


def forked(asked: dict, streams: "array.array[int]", told: dict, parent: int, close: tuple) -> None:  # type: ignore[type-arg]
    """In a fork: become the server. Does not return."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(_PDEATHSIG, _SIGKILL)
        if os.getppid() != parent:
            return
        os.setsid()
        for one in close:
            os.close(one)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.argv[:] = ["server", *told["arguments"]]
        if "run" in told:
            exec(compile(told["run"], "<server>", "exec"), {"__name__": "__main__"})  # noqa: S102  # as ``python -c``
        else:
            runpy.run_path(told["file"], run_name="__main__")
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for written in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                written.flush()
        os._exit(code & 0xFF)


def main() -> None:
    """Import, say that it is ready, and fork as it is asked."""
    told = json.loads(sys.argv[1])
    host = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what an import prints is no message
    os.close(nothing)
    if "module" in told:
        __import__(told["module"])
    else:
        sys.path.insert(0, os.path.dirname(told["file"]))  # noqa: PTH120  # its other modules are beside it
        runpy.run_path(told["file"], run_name="__imported__")
    wake, waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.flush()
    gc.collect()
    gc.freeze()  # a fork looks for no cycles in what was there before it, so it copies less memory
    numbers: dict[int, int] = {}
    host.send(b'{"ready": true}')
    while True:
        ready, _, _ = select.select([host.fileno(), wake], [], [])
        if wake in ready:
            try:
                while os.read(wake, 64):
                    pass
            except BlockingIOError:
                pass
            while numbers:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                of = numbers.pop(pid, None)
                if of is not None:
                    host.send(json.dumps({"of": of, "code": os.waitstatus_to_exitcode(status)}).encode())
        if host.fileno() not in ready:
            continue
        streams = array.array("i")
        said, extra, _, _ = host.recvmsg(MOST, socket.CMSG_LEN(3 * streams.itemsize), socket.MSG_CMSG_CLOEXEC)
        for level, kind, data in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                streams.frombytes(data[: len(data) - len(data) % streams.itemsize])
        if not said:
            return
        asked = json.loads(said)
        if "fork" in asked:
            parent, child = os.getpid(), os.fork()
            if not child:
                forked(asked, streams, told, parent, (host.fileno(), wake, waking))
            for one in streams:
                os.close(one)
            numbers[child] = asked["fork"]
            host.send(json.dumps({"of": asked["fork"], "pid": child}).encode())
        else:
            for pid, of in numbers.items():
                if of == asked["end"]:
                    os.kill(pid, asked["signal"])


if __name__ == "__main__":
    main()
