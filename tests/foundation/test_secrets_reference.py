"""References to secrets: read strictly, written as they were read, and never shown if they may be the secret itself."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Broken, Refused
from foundation.secrets.reference import Scheme, SecretRef, read_reference

pytestmark = pytest.mark.requirement("BASE-5/secrets-by-reference")

GOOD = {
    "env:MODEL_KEY": SecretRef(scheme=Scheme.ENV, name="MODEL_KEY"),
    "file:/run/secrets/key": SecretRef(scheme=Scheme.FILE, name="/run/secrets/key"),
    "file:C:\\keys\\a#b": SecretRef(scheme=Scheme.FILE, name="C:\\keys\\a#b"),
    "vault:kv/app/prod#api key": SecretRef(scheme=Scheme.VAULT, store="kv", name="app/prod", field="api key"),
    "vault:team/kv//app#key": SecretRef(scheme=Scheme.VAULT, store="team/kv", name="app", field="key"),
    "aws:eu-central-1/prod/model": SecretRef(scheme=Scheme.AWS, store="eu-central-1", name="prod/model"),
    "aws:us-gov-west-1/arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:a/b-AbCdEf#key": SecretRef(
        scheme=Scheme.AWS,
        store="us-gov-west-1",
        name="arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:a/b-AbCdEf",
        field="key",
    ),
    "azure:my-vault/model-key": SecretRef(scheme=Scheme.AZURE, store="my-vault", name="model-key"),
    f"azure:kv1/key/{'0a' * 16}": SecretRef(scheme=Scheme.AZURE, store="kv1", name="key", version="0a" * 16),
    "kubernetes:arcops/model.key#api_key": SecretRef(
        scheme=Scheme.KUBERNETES, store="arcops", name="model.key", field="api_key"
    ),
}
BAD = [
    "", ":", "secret", "sk-1234567890", "ENV:A", "env", "env:", "env:A=B", "env:A\x00", " env:A", "file:", "file:a\x00",
    "vault:kv", "vault:kv/a", "vault:kv#a", "vault:/a#b", "vault:kv/#a", "vault:kv/a#", "vault:kv/a#b#c", "vault:kv//a#b",
    "vault:kv/../sys/raw#a", "vault:kv/a/..#b", "vault:../a#b", "vault:kv/./a#b", "vault:kv/a%2fb#c",
    "vault:kv/a?version=1#c", "vault:kv/a b#c", "vault:kv/a\\b#c", "vault:kv/a\n#c", "vault:kv/a#b\n", "vault:kv/é#c",
    "vault:a/b//c//d#e", "vault://a/b#c", "aws:eu-central-1/", "aws:eu-central-1", "aws:host.example/a", "aws:/a",
    "aws:EU-central-1/a", "aws:eu-central-1.evil.example/a", "aws:eu-central-1@evil-1/a", "aws:eu-central-1/a b",
    "aws:eu-central-1/a#",
    "aws:eu-central-1/a\n", "azure:ab/c", "azure:-vault/c", "azure:vault-/c", "azure:a--b/c", "azure:vault.evil.example/c",
    "azure:vault/c/1", "azure:vault/c#d", "azure:vault/", "azure:vault/c_d", f"azure:{'v' * 25}/c", f"azure:vault/{'c' * 128}",
    "kubernetes:ns/name", "kubernetes:ns#key", "kubernetes:NS/name#key", "kubernetes:ns/na/me#key", "kubernetes:ns/..#key",
    "kubernetes:ns/name#", "kubernetes:ns/name#a/b", "kubernetes:ns/name#a\n", "kubernetes:ns/name?watch=1#a",
    "gcp:a/b#c", "hvault:a/b#c",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_a_good_one_is_read_and_written_back(text: str) -> None:
    assert read_reference(text, "key") == GOOD[text]
    assert str(GOOD[text]) == text
    assert GOOD[text].remote is not text.startswith(("env:", "file:"))


@pytest.mark.parametrize("text", BAD)
def test_a_bad_one_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_reference(text, "API key")
    said = str(refused.value)
    assert "API key" in said
    rest = text.partition(":")[2] or text
    assert len(rest) < 8 or rest not in said
    assert refused.value.__cause__ is None


@given(st.text(max_size=60) | st.builds("{}:{}".format, st.sampled_from([one.value for one in Scheme]), st.text(max_size=60)))
def test_any_text_is_a_reference_or_one_refusal(text: str) -> None:
    try:
        found = read_reference(text, "key")
    except Refused:
        return
    assert str(found) == text
    assert read_reference(str(found), "key") == found


_word = st.text("abcXYZ019._~+@=,:;!$&'()*-", min_size=1, max_size=9).filter(lambda one: one not in (".", ".."))


@given(st.lists(_word, min_size=1, max_size=3), st.lists(_word, min_size=1, max_size=3), _word)
def test_what_is_one_of_vault_is_read_back(mount: list[str], path: list[str], name: str) -> None:
    made = SecretRef(scheme=Scheme.VAULT, store="/".join(mount), name="/".join(path), field=name)
    assert read_reference(str(made), "key") == made


@given(st.sampled_from(sorted(GOOD)), st.integers(0, 200), st.characters())
def test_a_changed_one_is_never_read_as_something_that_it_does_not_say(text: str, at: int, new: str) -> None:
    changed = text[: at % len(text)] + new + text[at % len(text) :]
    with suppress(Refused):
        assert str(read_reference(changed, "key")) == changed


def test_one_that_could_not_be_written_cannot_be_made() -> None:
    for wrong in (
        {"scheme": Scheme.VAULT, "store": "kv", "name": "a/../b", "field": "c"},
        {"scheme": Scheme.VAULT, "store": "kv", "name": "a"},
        {"scheme": Scheme.ENV, "store": "x", "name": "a"},
        {"scheme": Scheme.AZURE, "store": "vault.evil.example", "name": "a"},
        {"scheme": Scheme.AZURE, "store": "vault", "name": "a", "field": "b"},
    ):
        with pytest.raises(Broken):
            SecretRef(**wrong)  # type: ignore[arg-type]  # each names fields of its own
