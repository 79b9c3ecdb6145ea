"""An event of cost: what one call of a hosted server's tool, or one reading of a resource or a prompt, took and is worth. It
holds no value of an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEvent:
    """One call. ``host`` is the process that counted it, from ``number`` 1 on; ``at`` is in milliseconds since 1970.

    ``tool`` is the tool, or the method that gave out something else, such as ``resources/read``. The caller is ``identity`` in
    the ``tenant`` of an ``issuer``. ``bytes_in`` and ``tokens_in`` are of the arguments,
    ``bytes_out`` and ``tokens_out`` of the result; ``estimated``: the tokens were not counted by the model's own tokenizer.
    ``model`` is empty if no card names one. ``cpu`` is microseconds of the server's main process, ``None`` if they cannot be
    told from those of other calls. ``price`` is in billionths of ``currency``, by the ``card`` of that day, or ``None``.
    ``latency`` is in microseconds. ``audited``: its record in the audit log names the caller. ``trace`` is the W3C trace id of
    the request, or empty.
    """

    host: str
    number: int
    at: int
    issuer: str
    tenant: str
    identity: str
    server: str
    tool: str
    model: str
    bytes_in: int
    bytes_out: int
    tokens_in: int
    tokens_out: int
    estimated: bool
    cpu: int | None
    price: int | None
    currency: str
    card: str
    latency: int
    outcome: str
    audited: bool
    trace: str

    @property
    def day(self) -> str:
        """Its day in UTC, as YYYY-MM-DD."""
        return datetime.fromtimestamp(self.at / 1000, UTC).strftime("%Y-%m-%d")
