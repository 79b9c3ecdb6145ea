"""The site's registry of images, as its operator named it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from arcops.errors import Refused
from flows.place import Place

if TYPE_CHECKING:
    from foundation.registry.asking import Asking


def site_registry(at: Place) -> Asking:
    """The registry of the settings at *at*, asked with the credential that they name. Raises `Refused` if none is named, or if
    this tier does not reach it.
    """
    from foundation.egress.permission import permitted
    from foundation.egress.question import Way
    from foundation.registry.asking import MOST_ANSWER, SECONDS, Asking, Credential
    from foundation.registry.naming import PURPOSE, read_registry
    from foundation.secrets import referred
    from tasks.server.addresses import authorities_at

    settings = at.settings
    if not settings.registry:
        raise Refused(
            "no registry is named, so no image is sent anywhere; set ARCOPS_REGISTRY to the site's own, like "
            "https://registry.example.org/arcops"
        )
    registry = read_registry(settings.registry)
    permitted(settings.tier, registry.url, PURPOSE)
    if bool(settings.registry_user) is not bool(settings.registry_password):
        raise Refused(
            "a registry takes a user and a password, or neither: set ARCOPS_REGISTRY_USER, and ARCOPS_REGISTRY_PASSWORD_FILE "
            "or ARCOPS_REGISTRY_PASSWORD_REF"
        )
    way = Way(
        tier=settings.tier,
        purpose=PURPOSE,
        authorities=authorities_at(settings.registry_authorities, "ARCOPS_REGISTRY_AUTHORITIES"),
        seconds=SECONDS,
        most=MOST_ANSWER,
    )
    credential = None
    if settings.registry_user:
        credential = Credential(
            user=settings.registry_user,
            password=lambda: referred(os.environ, settings.registry_password, "password of the registry", tier=settings.tier),
        )
    return Asking(registry, way, credential, settings.registry_login)
