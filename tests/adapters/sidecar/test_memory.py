"""What only the start needed is given back, and nothing that is needed is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from adapters.relay.sidecar.memory import _unchanged

HOUSE = Path(__file__).resolve().parents[3]
SMAPS = """\
55d0c0000000-55d0c0001000 r--p 00000000 08:01 11   /usr/bin/python3
Rss:                   4 kB
Anonymous:             {constants} kB
VmFlags: rd mr mw me
7f0000000000-7f0000100000 r-xp 00001000 08:01 12   /lib/a library.so
Rss:                1024 kB
Anonymous:             {code} kB
7f0000200000-7f0000300000 rw-p 00000000 08:01 12   /lib/a library.so
Anonymous:             0 kB
7f0000400000-7f0000500000 r--p 00000000 00:00 0
Anonymous:             0 kB
7ffc00000000-7ffc00001000 r-xp 00000000 00:00 0    [vdso]
Anonymous:             0 kB
"""
PYTHON, CODE = (0x55D0C0000000, 0x55D0C0001000), (0x7F0000000000, 0x7F0000100000)


def test_only_what_can_be_read_again_from_its_file_is_given_back() -> None:
    assert _unchanged(SMAPS.format(constants=0, code=0)) == [PYTHON, CODE]
    assert _unchanged(SMAPS.format(constants=4, code=0)) == [CODE]
    assert _unchanged(SMAPS.format(constants=0, code=8)) == [PYTHON]
    assert _unchanged("no map at all\nAnonymous: 0 kB\n") == []


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import hashlib, ssl, cedarpy
from adapters.relay.sidecar.memory import give_back
def resident():
    return int(open("/proc/self/statm").read().split()[1])
def works():
    policies = 'permit (principal == User::"a", action, resource);'
    asked = {"principal": 'User::"a"', "action": 'Action::"b"', "resource": 'Tool::"c"', "context": {}}
    ssl.create_default_context()
    return cedarpy.is_authorized(asked, policies, []).allowed, hashlib.sha256(b"x").hexdigest()[:8]
before = works(), resident()
give_back()
after = resident()
assert works() == before[0] and before[0][0]
give_back()
assert works() == before[0]
print(before[1], after)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is mapped")
def test_a_process_goes_on_with_less() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, str(HOUSE)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert after < before * 0.85
