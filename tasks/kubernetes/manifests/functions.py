"""The functions that Kubernetes adds to CEL (its documentation, "Common Expression Language in Kubernetes"), for the evaluator.

In Kubernetes a URL, an address, a block, a quantity, a version and a format are separate types. Here each is a map with one
key that no field has; a function for several of these types looks at that key. An error refuses the object, as in Kubernetes.
``entries`` and what ends in ``Entries`` are for comprehensions with two variables (`comprehensions` in this folder).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import itertools
import re
import urllib.parse
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from tasks.kubernetes.manifests.patterns import matches

if TYPE_CHECKING:
    from cel_expr_python import cel  # type: ignore[import-untyped]  # it brings stubs and no py.typed

Value = Any
"""The values that the evaluator passes: booleans, numbers, text, lists, maps."""
_URL, _IP, _CIDR, _QUANTITY, _SEMVER, _FORMAT, _OPTIONAL = (
    f"~{one}" for one in ("url", "ip", "cidr", "amount", "version", "format", "optional")
)
_SUFFIXES = {"": Decimal(1), "m": Decimal("0.001"), "u": Decimal("1e-6"), "n": Decimal("1e-9")}
_SUFFIXES |= {one: Decimal(1000) ** power for power, one in enumerate(("k", "M", "G", "T", "P", "E"), start=1)}
_SUFFIXES |= {one: Decimal(1024) ** power for power, one in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}
_AMOUNT = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))((?:[eE][+-]?[0-9]{1,3})|[a-zA-Z]*)\Z")
_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?\Z")
_LABEL, _PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?", "[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_FORMATS: dict[str, tuple[str, int]] = {
    "dns1123Label": (_LABEL, 63),
    "dns1123Subdomain": (rf"{_LABEL}(\.{_LABEL})*", 253),
    "dns1035Label": ("[a-z]([-a-z0-9]*[a-z0-9])?", 63),
    "dns1123LabelPrefix": (rf"{_LABEL}-?", 63),
    "dns1123SubdomainPrefix": (rf"{_LABEL}(\.{_LABEL})*-?", 253),
    "dns1035LabelPrefix": ("[a-z]([-a-z0-9]*[a-z0-9])?-?", 63),
    "labelValue": (rf"({_PART})?", 63),
    "qualifiedName": (rf"({_LABEL}(\.{_LABEL})*/)?{_PART}", 317),
}


def _held(value: Value, key: str) -> Value:
    if not isinstance(value, Mapping) or key not in value:
        raise ValueError(f"this function does not take a value that is not of the type {key[1:]}")
    return value[key]


def _is(make: Callable[[str], Value]) -> Callable[[str], bool]:
    def test(text: str) -> bool:
        try:
            make(text)
        except ValueError:
            return False
        return True

    return test


def _url(text: str) -> Value:
    """A URL as Kubernetes accepts it: absolute, or a path from the root (Go's ``url.ParseRequestURI``)."""
    if not text or any(ord(one) < 32 or ord(one) == 127 for one in text):
        raise ValueError("it is empty or has control characters")
    scheme = _SCHEME.match(text)
    if text.startswith(":"):
        raise ValueError("it has no scheme before the colon")
    rest = (text[scheme.end() :] if scheme else text).partition("?")[0]
    if not rest.startswith("/"):
        if scheme:
            return {_URL: text}  # such as mailto:someone, of which nothing else is asked
        raise ValueError("it is neither absolute nor a path from the root")
    if scheme and rest.startswith("//"):
        authority, _, path = rest[2:].partition("/")
        user, at, host = authority.rpartition("@")
        if at and not _USER.fullmatch(user):
            raise ValueError("its user has characters that are not allowed")
        if not _is_host(host):
            raise ValueError("its host or port is not valid")
        rest = f"/{path}"
    if _BROKEN.search(rest):
        raise ValueError("it has a percent sign that no two hexadecimal digits follow")
    return {_URL: text}


def _is_host(text: str) -> bool:
    """Is *text* a host with an optional port?"""
    if text.startswith("["):
        inner, closed, port = text[1:].rpartition("]")
        return bool(closed) and bool(re.fullmatch("(?::[0-9]*)?", port)) and bool(_NAME.fullmatch(inner.partition("%25")[0]))
    head, colon, port = text.rpartition(":")
    return bool(_NAME.fullmatch(head if colon else text)) and bool(re.fullmatch("[0-9]*", port if colon else ""))


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_USER = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*")
_NAME = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:<>\"\[\]-]|[^\x00-\x7f]|%[89A-Fa-f][0-9A-Fa-f])*")
"""The characters of a host that Go allows: a percent sign only for what is not ASCII."""
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _of_url(part: Callable[[urllib.parse.SplitResult], Value]) -> Callable[[Value], Value]:
    return lambda value: part(urllib.parse.urlsplit(_held(value, _URL)))


def _ip(text: str) -> Value:
    found = ipaddress.ip_address(text)
    if "%" in text or (isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None):
        raise ValueError("an address with a zone, or IPv4 written as IPv6, is not allowed")
    return {_IP: str(found)}


def _cidr(text: str) -> Value:
    address, slash, length = text.partition("/")
    if not slash or not re.fullmatch("0|[1-9][0-9]*", length):
        raise ValueError("it is not a CIDR")
    return {_CIDR: str(ipaddress.ip_interface(f"{_ip(address)[_IP]}/{length}"))}


def _block(value: Value) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    text = value if isinstance(value, str) else _held(value, _CIDR)
    return ipaddress.ip_interface(_cidr(text)[_CIDR]).network


def _address(value: Value) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(_ip(value)[_IP] if isinstance(value, str) else _held(value, _IP))


def _contains_cidr(value: Value, other: Value) -> bool:
    outer, inner = _block(value), _block(other)
    return outer.version == inner.version and inner.network_address in outer and inner.prefixlen >= outer.prefixlen


def _quantity(text: str) -> Value:
    parts = _AMOUNT.match(text)
    if parts is None or (parts[2] not in _SUFFIXES and parts[2][:1] not in ("e", "E")) or parts[2] in ("e", "E"):
        raise ValueError("it is not a quantity")
    try:
        factor = Decimal(f"1{parts[2]}") if parts[2] not in _SUFFIXES else _SUFFIXES[parts[2]]
        return {_QUANTITY: str((Decimal(parts[1]) * factor).normalize())}
    except InvalidOperation:
        raise ValueError("it is not a quantity") from None


def _amount(value: Value) -> Decimal:
    return Decimal(value) if isinstance(value, int) else Decimal(_held(value, _QUANTITY))


def _semver(text: str) -> Value:
    parts = _VERSION.match(text)
    if parts is None:
        raise ValueError("it is not a semantic version")
    return {_SEMVER: [int(parts[1]), int(parts[2]), int(parts[3]), parts[4] or ""]}


def _order(value: Value) -> Any:
    """The sort key of versions and quantities. A pre-release comes before its release."""
    if isinstance(value, Mapping) and _SEMVER in value:
        *numbers, before = value[_SEMVER]
        parts = [(0, int(one), "") if one.isdigit() else (1, 0, one) for one in before.split(".")] if before else [(2, 0, "")]
        return (*numbers, parts)
    return _amount(value)


def _compare(one: Value, other: Value) -> int:
    left, right = _order(one), _order(other)
    return int(left > right) - int(left < right)


def _whole(value: Value) -> int:
    found = _amount(value)
    if found != found.to_integral_value() or not -(1 << 63) <= found < 1 << 63:
        raise ValueError("the quantity is not a whole number")
    return int(found)


def _first(found: list[Value], pick: Callable[[list[Value]], Value]) -> Value:
    if not found:
        raise ValueError("the list is empty")
    return pick(found)


def _position(found: list[Value], value: Value, *, last: bool = False) -> int:
    places = [number for number, one in enumerate(found) if one == value and isinstance(one, bool) is isinstance(value, bool)]
    return (places[-1] if last else places[0]) if places else -1


def _validate(value: Value, text: str) -> Value:
    """What is wrong with *text*: an optional that holds sentences; empty if *text* is valid."""
    name = _held(value, _FORMAT)
    if name in _FORMATS:
        pattern, most = _FORMATS[name]
        fits = len(text) <= most and re.fullmatch(pattern, text) is not None
    else:
        fits = _is(_OTHER_FORMATS[name])(text)
    return {_OPTIONAL: [] if fits else [[f"it does not match the format {name}"]]}


def _byte(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


_OTHER_FORMATS: dict[str, Callable[[str], object]] = {
    "uri": _url,
    "uuid": uuid.UUID,
    "byte": _byte,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
}


def _named(name: str) -> Value:
    return {_OPTIONAL: [{_FORMAT: name}] if name in _FORMATS or name in _OTHER_FORMATS else []}


def _optional(value: Value) -> Value:
    return _first(_held(value, _OPTIONAL), lambda found: found[0])


class Meter:
    """How many more values these functions may read, for one rule and one object."""

    def __init__(self) -> None:
        self.left = 0

    def spend(self, steps: int) -> None:
        """Count *steps* of a search. Raises `ValueError` if no step is left."""
        self.left -= steps
        if self.left < 0:
            raise ValueError("the rule reads too many values; its budget is used up")

    def watch(self, work: Callable[..., Value]) -> Callable[..., Value]:
        def watched(*given: Value) -> Value:
            self.spend(1 + sum(len(one) for one in given if isinstance(one, (list, str, dict))))
            return work(*given)

        return watched


def functions(meter: Meter) -> cel.CelExtension:
    """All functions as one extension of the evaluator. *meter* counts the values that they read."""
    from cel_expr_python import cel

    return cel.CelExtension("kubernetes", [cel.FunctionDecl(name, found) for name, found in _by_name(meter).items()])


def _by_name(meter: Meter) -> dict[str, list[cel.Overload]]:
    from cel_expr_python import cel

    kinds = cel.Type
    types = {"s": kinds.STRING, "d": kinds.DYN, "l": kinds.List(kinds.DYN), "m": kinds.Map(kinds.STRING, kinds.DYN)}
    types |= {"b": kinds.BOOL, "i": kinds.INT, "f": kinds.DOUBLE}
    made: dict[str, list[cel.Overload]] = {}
    for name, takes, gives, work in _declared(meter):
        member, parameters = takes.startswith("."), takes.lstrip(".")
        made.setdefault(name, []).append(
            cel.Overload(
                f"kubernetes_{name.replace('.', '_')}_{takes.replace('.', 'of_')}",
                return_type=types[gives],
                parameters=[types[one] for one in parameters],
                is_member=member,
                impl=meter.watch(work),
            )
        )
    return made


def _declared(meter: Meter) -> Iterator[tuple[str, str, str, Callable[..., Value]]]:
    """Name, parameters (with ``.`` before them, it is a method of the first), result, and the function."""
    for name, make in (("URL", _url), ("IP", _ip), ("CIDR", _cidr), ("Quantity", _quantity), ("Semver", _semver)):
        yield f"is{name}", "s", "b", _is(make)
        yield name.lower(), "s", "m", make
    yield "getScheme", ".m", "s", _of_url(lambda one: one.scheme)
    yield "getHost", ".m", "s", _of_url(lambda one: one.netloc.rpartition("@")[2])
    yield "getHostname", ".m", "s", _of_url(lambda one: re.sub(r":[0-9]*\Z", "", one.netloc.rpartition("@")[2]).strip("[]"))
    yield "getPort", ".m", "s", _of_url(lambda one: "" if one.port is None else str(one.port))
    yield "getEscapedPath", ".m", "s", _of_url(lambda one: urllib.parse.quote(one.path, safe="/%:@!$&'()*+,;=~"))
    yield "getQuery", ".m", "m", _of_url(lambda one: urllib.parse.parse_qs(one.query, keep_blank_values=True))
    yield "ip.isCanonical", "s", "b", lambda text: _ip(text)[_IP] == text
    yield "family", ".m", "i", lambda value: _address(value).version
    yield "isUnspecified", ".m", "b", lambda value: _address(value).is_unspecified
    yield "isLoopback", ".m", "b", lambda value: _address(value).is_loopback
    yield "isLinkLocalUnicast", ".m", "b", lambda value: _address(value).is_link_local
    yield "isLinkLocalMulticast", ".m", "b", lambda value: _address(value) in _near(_address(value).version)
    yield "isGlobalUnicast", ".m", "b", _global
    for kind in "sm":
        yield "containsIP", f".m{kind}", "b", lambda value, other: _address(other) in _block(value)
        yield "containsCIDR", f".m{kind}", "b", _contains_cidr
    yield "ip", ".m", "m", lambda value: {_IP: _held(value, _CIDR).partition("/")[0]}
    yield "prefixLength", ".m", "i", lambda value: _block(value).prefixlen
    yield "masked", ".m", "m", lambda value: {_CIDR: str(_block(value))}
    yield "string", "m", "s", lambda value: value[_IP] if _IP in value else _held(value, _CIDR)
    yield "sign", ".m", "i", lambda value: _compare(value, 0)
    for kind in "mi":
        yield "add", f".m{kind}", "m", lambda value, more: {_QUANTITY: str(_amount(value) + _amount(more))}
        yield "sub", f".m{kind}", "m", lambda value, less: {_QUANTITY: str(_amount(value) - _amount(less))}
    yield "isLessThan", ".mm", "b", lambda value, other: _compare(value, other) < 0
    yield "isGreaterThan", ".mm", "b", lambda value, other: _compare(value, other) > 0
    yield "compareTo", ".mm", "i", _compare
    yield "isInteger", ".m", "b", _is(_whole)
    yield "asInteger", ".m", "i", _whole
    yield "asApproximateFloat", ".m", "f", lambda value: float(_amount(value))
    for number, name in enumerate(("major", "minor", "patch")):
        yield name, ".m", "i", lambda value, number=number: _held(value, _SEMVER)[number]
    yield "find", ".ss", "s", lambda text, pattern: next(matches(text, pattern, meter.spend), "")
    yield "findAll", ".ss", "l", lambda text, pattern: list(matches(text, pattern, meter.spend))
    yield "findAll", ".ssi", "l", lambda text, pattern, most: _up_to(matches(text, pattern, meter.spend), most)
    yield "entries", ".l", "l", lambda found: [[number, one] for number, one in enumerate(found)]
    yield "entries", ".m", "l", lambda found: [[key, one] for key, one in found.items()]
    yield "ofEntries", ".l", "d", lambda found: _joined([{key: one} for key, one in found])
    yield "joinedEntries", ".l", "d", _joined
    yield "isSorted", ".l", "b", lambda found: all(one <= other for one, other in itertools.pairwise(found))
    yield "sum", ".l", "d", lambda found: sum(found)
    yield "min", ".l", "d", lambda found: _first(found, min)
    yield "max", ".l", "d", lambda found: _first(found, max)
    yield "indexOf", ".ld", "i", _position
    yield "lastIndexOf", ".ld", "i", lambda found, value: _position(found, value, last=True)
    yield "sets.contains", "ll", "b", lambda found, other: all(one in found for one in other)
    yield "sets.intersects", "ll", "b", lambda found, other: any(one in found for one in other)
    yield "sets.equivalent", "ll", "b", lambda one, two: all(a in two for a in one) and all(b in one for b in two)
    for name in (*_FORMATS, *_OTHER_FORMATS):
        yield f"format.{name}", "", "m", lambda name=name: {_FORMAT: name}
    yield "format.named", "s", "m", _named
    yield "validate", ".ms", "m", _validate
    yield "hasValue", ".m", "b", lambda value: bool(_held(value, _OPTIONAL))
    yield "value", ".m", "d", _optional


def _up_to(found: Iterator[str], most: int) -> list[str]:
    return list(found if most < 0 else itertools.islice(found, most))


def _joined(parts: list[Value]) -> Value:
    """One map of all *parts*, which have no key in common."""
    made: dict[Value, Value] = {}
    for part in parts:
        if made.keys() & part.keys():
            raise ValueError("a key is there twice")
        made |= part
    return made


def _near(version: int) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network("224.0.0.0/24" if version == 4 else "ff02::/16")


def _global(value: Value) -> bool:
    """Is it neither unspecified, loopback, multicast, link-local nor broadcast? Private addresses count as global."""
    found = _address(value)
    barred = found.is_unspecified or found.is_loopback or found.is_multicast or found.is_link_local
    return not barred and str(found) != "255.255.255.255"
