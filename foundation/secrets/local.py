"""Secrets in this process's environment and in files of this machine. They are read each time."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Mapping
from pathlib import Path

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from foundation.secrets.reference import Scheme, SecretRef
from foundation.secrets.source import Given

MOST_BYTES = 16 * 1024
_PIPE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """The places ``env:`` and ``file:``. ``what`` is the secret's name in errors."""

    environment: Mapping[str, str]
    what: str

    def __repr__(self) -> str:
        return f"Local({self.what})"

    def read(self, ref: SecretRef) -> Given:
        """As `SecretSource.read`. A variable is taken as it is; a file without the ends of its last line."""
        if ref.scheme is Scheme.FILE:
            return Given(value=read_secret_file(Path(ref.name), self.what), seconds=0)
        if not self.environment.get(ref.name):
            raise Refused(f"the {self.what} should be in the environment variable {ref.name[:100]}, which is not set")
        return Given(value=self.environment[ref.name], seconds=0)


def read_secret_file(path: Path, what: str) -> str:
    """The secret in the file *path*, which only this user may be able to read. Raises `Refused`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if stat.S_ISFIFO(status.st_mode):  # a shell's <(command) makes one; the command needs a moment
                select.select([descriptor], [], [], _PIPE_SECONDS)
            data = file.read(MOST_BYTES + 1) or b""
            if len(data) > MOST_BYTES:
                raise Refused(f"the {what} file {path} has more than {MOST_BYTES:,} bytes, which is too long for a {what}")
            text = data.decode("utf-8").strip("\r\n")
    except OSError as error:
        raise Refused(f"the {what} file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        # Not from the error: it holds the bytes of the file, and a log shows what an error came from.
        raise Refused(f"the {what} file {path} is not text in UTF-8") from None
    # A secret that Kubernetes mounts belongs to root and is protected otherwise; the user's own file is not.
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
        raise Refused(f"other users can read the {what} file {path}; run 'chmod 600 {path}'")
    if not text:
        raise Refused(f"the {what} file {path} is empty")
    return text
