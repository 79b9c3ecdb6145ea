"""The user's folders: the same, to the letter, as platformdirs names them."""

from __future__ import annotations

import platformdirs
import pytest

from foundation.homes import user_homes

pytestmark = pytest.mark.requirement("BASE-6/its-folders-are-private")
NAMES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")


@pytest.mark.parametrize("home", ["/home/somebody", "/", "", "relative", None])
@pytest.mark.parametrize("named", [None, "", "/var/own", "/var/own/", "//own", "relative", "~/own", " /own"])
def test_they_are_those_of_platformdirs(home: str | None, named: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HOME", home), *((name, f"{named}{name}" if named else named) for name in NAMES)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert user_homes() == (
        platformdirs.user_config_path("arcops"),
        platformdirs.user_data_path("arcops"),
        platformdirs.user_state_path("arcops"),
        platformdirs.user_cache_path("arcops"),
    )
