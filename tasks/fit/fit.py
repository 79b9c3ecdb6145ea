"""The collector of everything that a plan of models on GPUs rests on."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from arcops.collector import collector
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.fit import FitSeen
from tasks.fit.description import read_description
from tasks.fit.measured import measured
from tasks.fit.models import model_seen
from tasks.fit.profiles import shipped_engines, shipped_partitions
from tasks.gpu.gpu_profiles import shipped_profiles


@collector("fit", FitSeen, version="1", deadline=timedelta(minutes=10))
def look(request: Request, seen: Seen) -> Sighting[FitSeen]:
    """Read the description, and the headers and the configuration of each model. Raises `Refused` if the description is
    wrong.
    """
    wanted, data = read_description(request.target, request.within)
    folder = request.target.absolute().parent
    models = []
    for number, one in enumerate(wanted.models):
        request.progress(number, len(wanted.models))
        models.append(model_seen(one, folder, request.within))
    skus = {one.sku for one in wanted.gpus}
    names = {one.engine for one in wanted.models}
    profiles = [pair for pair in shipped_profiles() if pair[0].sku in skus]
    partitions = [pair for pair in shipped_partitions() if skus & set(pair[0].skus) and any(one.mig for one in wanted.gpus)]
    engines = [pair for pair in shipped_engines() if pair[0].engine in names]
    body = FitSeen(
        description=hashlib.sha256(data).hexdigest(),
        wanted=wanted,
        models=tuple(models),
        profiles=tuple(profile for profile, _ in profiles),
        partitions=tuple(partition for partition, _ in partitions),
        engines=tuple(engine for engine, _ in engines),
        measured=measured(wanted.models, request),
    )
    return Sighting(body=body, sources=tuple(source for pairs in (profiles, partitions, engines) for _, source in pairs))
