"""Custom objects against the site's own definitions of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.seen.network import Network
from tasks.kubernetes.manifests import definitions as kept
from tasks.network.network import network_of
from tests.definitions import DEFINITION

pytestmark = pytest.mark.requirement("ARC-B2/custom-objects-fit-their-definitions")

ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  hostnames:
    - shop.example
  parentRefs:
    - name: entry
"""


def seen(route: str, definition: str = DEFINITION) -> Network:
    return network_of([("a.yaml", route.encode()), ("z.yaml", definition.encode())])


def refused(route: str, definition: str = DEFINITION) -> list[tuple[int, str, str]]:
    found = seen(route, definition)
    assert not found.unchecked
    return [(one.at.line, one.field, one.text) for one in found.refused if one.at.path == "a.yaml"]


def with_spec(more: str) -> str:
    return f"{ROUTE}  {more}\n"


def test_what_the_definition_allows_is_accepted() -> None:
    assert refused(with_spec("port: http\n  weight: 1\n  free: {anything: [1]}")) == []
    assert refused(with_spec("port: 80")) == []
    assert refused(with_spec("address: {value: '2001:db8::1'}\n  block: 192.0.2.0/24\n  small: 2147483647")) == []
    assert refused(with_spec("address: {type: Host, value: '*.shop.example'}")) == []


def test_a_version_that_is_not_served_is_none() -> None:
    ((_, field, text),) = refused(ROUTE, DEFINITION.replace("served: true", "served: false"))
    assert field == "apiVersion"
    assert "serves no version 'v1'" in text


@pytest.mark.parametrize(
    ("route", "line", "field", "says"),
    [
        (with_spec("weight: heavy"), 9, "spec.weight", "integer"),
        (with_spec("weight: 0"), 9, "spec.weight", "minimum"),
        (with_spec("port: true"), 9, "spec.port", "true"),
        (with_spec("hostName: a"), 4, "spec", "hostName"),
        (ROUTE.replace("shop.example", "shop.example\n    - a.example\n    - b.example"), 5, "spec.hostnames", "2"),
        (ROUTE.replace("shop.example", "shop.example\n    - shop.example"), 5, "spec.hostnames", "duplicate"),
        (ROUTE.replace("shop.example", "shop.test"), 4, "spec", "host names end in .example"),
        (ROUTE.replace("name: entry", "group: other"), 8, "spec.parentRefs[0]", "the group is another"),
        (ROUTE.replace("name: entry", "namespace: none"), 8, "spec.parentRefs[0]", "no such namespace"),
        (with_spec("address: {value: somewhere}"), 9, "spec.address", "oneOf"),
        (with_spec("address: {type: Host, value: UP}"), 9, "spec.address", "no host name"),
        (with_spec("block: 192.0.2.0"), 9, "spec.block", "cidr"),
        (with_spec("small: 2147483648"), 9, "spec.small", "maximum"),
        (ROUTE.replace("networking.k8s.io/v1", "networking.k8s.io/v1beta1"), 1, "apiVersion", "serves no version 'v1beta1'"),
    ],
)
def test_what_it_does_not_allow_is_refused_where_it_stands(route: str, line: int, field: str, says: str) -> None:
    found = refused(route)
    assert [(one[0], one[1]) for one in found if says in one[2]] == [(line, field)], found


def test_a_rule_that_fails_refuses() -> None:
    """An error in evaluating is a refusal, as it is to the API server."""
    definition = DEFINITION.replace("!has(self.hostnames) || self.hostnames.all", "self.nothing.all")
    ((_, field, text),) = refused(ROUTE, definition)
    assert field == "spec"
    assert "evaluating it fails" in text


def test_a_rule_that_would_run_for_ever_is_ended_and_refuses() -> None:
    many = ", ".join(f"a{chr(97 + one % 26)}" for one in range(300))
    definition = (
        DEFINITION.replace("maxItems: 2", "maxItems: 1000")
        .replace("x-kubernetes-list-type: set", "")
        .replace(
            "self.hostnames.all(h, h.endsWith('.example'))",
            "self.hostnames.all(a, self.hostnames.all(b, self.hostnames.all(c, size(a + b + c) > 0)))",
        )
    )
    ((_, _, text),) = refused(ROUTE.replace("    - shop.example", f"    [{many}]"), definition)
    assert "budget" in text.lower()


def test_a_rule_that_nothing_here_can_ask_is_not_checked() -> None:
    definition = DEFINITION.replace("self.group == 'gateway.networking.k8s.io'", "self.group.unheard('a') == 'a'")
    ((one),) = seen(ROUTE, definition).unchecked
    assert (one.at.line, one.field) == (8, "spec.parentRefs[0]")
    assert "unheard" in one.text


def with_rule(rule: str) -> str:
    return DEFINITION.replace('- rule: "self.weight >= oldSelf.weight"', rule)


def test_a_rule_says_what_is_wrong_and_where() -> None:
    rule = "- {rule: '!has(self.weight) || self.weight < 5', fieldPath: .weight, message: too heavy, messageExpression: \"%s\"}"
    composed = with_rule(rule % "string(self.weight) + ' is too heavy'")
    assert refused(with_spec("weight: 7"), composed) == [(9, "spec.weight", "7 is too heavy")]
    for failing in ("self.nothing", "1 +", "' '", "'a\\nb'"):
        assert refused(with_spec("weight: 7"), with_rule(rule % failing)) == [(9, "spec.weight", "too heavy")]


def test_a_rule_that_asks_what_was_before_is_asked_of_a_new_object_too_where_it_says_so() -> None:
    rule = "- {rule: 'oldSelf.hasValue() || self.weight < 5', optionalOldSelf: true, message: too heavy at first}"
    assert refused(with_spec("weight: 7"), with_rule(rule)) == [(4, "spec", "too heavy at first")]
    assert refused(with_spec("weight: 4"), with_rule(rule)) == []


def test_times_are_times_to_rules() -> None:
    rule = "self.wait > duration('90s') && self.since < timestamp('2027-01-01T00:00:00Z')"
    fields = "wait: {type: string, format: duration}, since: {type: string, format: date-time}"
    timed = f'{{type: object, properties: {{{fields}}}, x-kubernetes-validations: [{{rule: "{rule}"}}]}}'
    definition = DEFINITION.replace("free: {", f"timed: {timed}\n                free: {{")
    given = "timed: {{wait: {}, since: '{}'}}"
    assert refused(with_spec(given.format("2m", "2026-01-01T00:00:00Z")), definition) == []
    for wait, since in (("1m30s", "2026-01-01T00:00:00Z"), ("2h", "2027-01-01T00:00:00Z"), ("soon", "2026-01-01T00:00:00Z")):
        assert len(refused(with_spec(given.format(wait, since)), definition)) == 1


def test_a_pattern_that_would_take_for_ever_does_not() -> None:
    definition = DEFINITION.replace("pattern: '^[a-z.]+$'", "pattern: '^(([a-z])+.)+[A-Z]([a-z])+$'")
    assert refused(ROUTE.replace("shop.example", "a" * 3000), definition)


def test_without_a_definition_nothing_is_said_to_be_checked() -> None:
    found = network_of([("a.yaml", ROUTE.encode())])
    ((one),) = found.unchecked
    assert (one.at.line, one.about) == (1, "HTTPRoute shop/shop")
    assert "no manifest holds the CustomResourceDefinition of HTTPRoute.gateway.networking.k8s.io" in one.text


@pytest.mark.parametrize("broken", ["pattern: '['", "type: nothing"])
def test_a_definition_that_is_none_accepts_nothing(broken: str) -> None:
    definition = (
        DEFINITION.replace("pattern: '^[a-z.]+$'", broken)
        if "pattern" in broken
        else DEFINITION.replace("name: {type: string}", f"name: {{{broken}}}")
    )
    assert any("cannot be used" in text for _, _, text in refused(ROUTE, definition))


def test_a_definition_in_a_file_of_the_folder_counts(tmp_path: Path) -> None:
    from tasks.network.network import read_manifests

    (tmp_path / "crds").mkdir()
    (tmp_path / "crds" / "routes.yaml").write_text(DEFINITION)
    (tmp_path / "a.yaml").write_text(ROUTE.replace("shop.example", "shop.test"))
    assert [one.text for one in read_manifests(tmp_path).refused] == ["host names end in .example"]


def both(*files: tuple[str, str]) -> tuple[Network, Network]:
    """What *files* are, read twice: the second time their definitions are known."""
    made = [(name, text.encode()) for name, text in files]
    kept._kept.clear()
    return network_of(made), network_of(made)


def test_definitions_that_are_known_give_the_same_answers() -> None:
    refused = ROUTE.replace("shop.example", "shop.elsewhere")
    for text in (ROUTE, refused):
        first, second = both(("crd.yaml", DEFINITION), ("route.yaml", text))
        assert first == second
        assert bool(second.refused) is (text is refused)
    assert kept.remembered(DEFINITION.encode()) is not None
    moved = network_of([("other/place.yaml", DEFINITION.encode()), ("again.yaml", DEFINITION.encode())])
    assert [(one.at.path, one.text) for one in moved.unread] == [
        ("again.yaml", "the object appears twice, first at other/place.yaml:1; the later one counts")
    ]
    assert [one.at.path for one in moved.others] == ["other/place.yaml", "again.yaml"]


def test_a_changed_definition_is_read_again() -> None:
    both(("crd.yaml", DEFINITION), ("route.yaml", ROUTE))
    changed = DEFINITION.replace("h.endsWith('.example')", "h.endsWith('.other')")
    assert changed != DEFINITION
    assert network_of([("crd.yaml", changed.encode()), ("route.yaml", ROUTE.encode())]).refused


@pytest.mark.parametrize(
    "text",
    [
        DEFINITION + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
        DEFINITION + "---\nkind: [\n",
        DEFINITION + "---\n" + DEFINITION,
        DEFINITION.replace("  group: gateway.networking.k8s.io\n", ""),
    ],
)
def test_what_is_more_than_good_definitions_is_never_kept(text: str) -> None:
    first, second = both(("crd.yaml", text))
    assert first == second
    assert kept.remembered(text.encode()) is None


def test_what_was_not_asked_for_the_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    kept._kept.clear()
    monkeypatch.setattr(kept, "_MOST_BYTES", 3 * len(DEFINITION))
    texts = [f"# {number}\n{DEFINITION}" for number in range(4)]
    for text in texts:
        network_of([("crd.yaml", text.encode())])
    assert [kept.remembered(text.encode()) is not None for text in texts] == [False, False, True, True]


def test_a_field_of_the_name_description_is_a_field() -> None:
    schema = {
        "description": "text",
        "properties": {"description": {"type": "string", "description": "x"}},
        "default": {"description": "y"},
    }
    assert kept.without_descriptions(schema) == {  # type: ignore[arg-type]  # JSON
        "properties": {"description": {"type": "string"}},
        "default": {"description": "y"},
    }
