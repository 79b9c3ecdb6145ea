"""A small site with something in each of its places, and what can be said of it from outside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from artifacts.log.checkpoint import claimed
from artifacts.log.merkle import leaf_hash, verify_inclusion
from artifacts.public_key import load_public_key
from artifacts.store import Store
from artifacts.vouch import Standing, signature_of
from foundation.database.dumping import Summed, Summing, dumped
from foundation.database.opening import opened
from foundation.identity.api_keys import ApiKeys
from foundation.settings import Settings, read_settings
from tasks.signing.grounds import grounds
from tests.kept import finding, keep, report, result
from tests.models import CLOCK, Bench, bench

PASSPHRASE = "correct horse battery staple"
NAMES = ("one", "two", "three")
_LEFT = (".lock", "lock", "nodes", "-wal", "-shm")


def site(folder: Path, *, name: str = "edge-07") -> Bench:
    """A site of this *name* with three artifacts and their evidence, rows, keys, policies, limits and an access policy."""
    made = bench(folder)
    made = replace(made, settings=settings_of(made.home, name))
    for number, one in enumerate(NAMES):
        grow(made, one, number)
    with opened(made.settings) as database:
        ApiKeys(database).new("Schlüssel 🔑", ["read"], timedelta(days=9), CLOCK)
    (made.home / "limits.yaml").write_text("tiers: []\n")
    (made.home / "access" / "roles").mkdir(parents=True)
    (made.home / "access" / "roles" / "ours.yaml").write_text("roles: {}\n")
    return made


def grow(made: Bench, name: str, number: int = 0) -> str:
    """Keep one more artifact, with evidence; returns its digest."""
    evidence = {"tree": {"name": name, "number": number}}
    said = report(name, result("g", finding("g/one")), evidence=evidence)
    return keep(made, said, evidence=evidence)


def settings_of(home: Path, name: str = "edge-07", **more: str) -> Settings:
    """The settings of the site in *home*."""
    return read_settings({"ARCOPS_HOME": str(home), "ARCOPS_WORKERS": "2", "ARCOPS_SITE": name, **more})


def files(home: Path) -> Mapping[str, str]:
    """The digest of every file that a restore puts back, by its name below *home*: not what is derived, and not the database,
    whose bytes depend on its history.
    """
    found = {}
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        if path.is_file() and not name.endswith(_LEFT) and "index.sqlite" not in name and not name.startswith("database/"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def rows(settings: Settings) -> tuple[Summed, ...]:
    """What the database holds."""
    sums = Summing()
    with opened(settings) as database, database.reading() as connection:
        for part in dumped(connection):
            sums.add(part)
    return sums.sums


def refuse_unproven(settings: Settings, public: Path, count: int) -> None:
    """Each artifact is there, is in the log that the checkpoint signs, by its proof, and its signature counts."""
    key = load_public_key(public.read_bytes(), where="the test")
    with Store.at(settings) as store:
        assert store.check([key]) == ()
        note = store.last_checkpoint()
        assert note is not None
        signed = claimed(note)
        entries, proofs = store.entries(), store.proofs(signed.size)
        assert len(entries) == signed.size == count
        for position, entry in enumerate(entries):
            proof = proofs.inclusion(position)
            leaf = leaf_hash(entry.line)
            assert verify_inclusion(leaf=leaf, index=position, size=signed.size, proof=proof, root=signed.root)
            assert signature_of(store.get(entry.artifact), grounds(settings.trust), CLOCK).standing is Standing.VERIFIED
            assert all(store.get(one) for one in entry.evidence)
