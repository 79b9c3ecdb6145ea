"""A user's file with our entries: every byte outside of them stays, in all four forms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amend.client.editing.changing import changed, entries, read
from amend.client.family import Form, Value
from arcops.errors import Refused

pytestmark = pytest.mark.requirement("CONF-APPLY/the-applier-changes-owned-keys-only")

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=8)
NAME = st.from_regex(r"[a-z][a-z0-9_-]{0,7}", fullmatch=True)
ENTRY: st.SearchStrategy[Value] = st.fixed_dictionaries(
    {"command": TEXT, "args": st.lists(TEXT, max_size=2)},
    optional={"env": st.dictionaries(NAME, TEXT, min_size=1, max_size=2), "on": st.booleans(), "n": st.integers(0, 99)},
)
OURS = st.dictionaries(NAME.map(lambda one: f"our-{one}"), ENTRY, min_size=1, max_size=3)


def kept(text: str, new: str) -> bool:
    """Is *new* the *text* with something put into it at one place, and perhaps a comma at another?"""
    for start in (0, 1):
        if start:
            at = _prefix(text, new)
            if new[at : at + 1] != ",":
                return False
            new = new[:at] + new[at + 1 :]
        front = _prefix(text, new)
        back = _prefix(text[::-1], new[::-1])
        if front + back >= len(text) and len(new) >= len(text):
            return True
    return False


def _prefix(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def shut(text: str) -> str:
    """*text* without the white space before closing brackets: a bracket that our entry put on a line of its own stays there."""
    return re.sub(r"\s+(?=[]}])", "", text)


@st.composite
def gap(draw: st.DrawFn, comments: bool) -> str:
    white = st.text(" \t\n", max_size=3)
    if not comments or draw(st.integers(0, 3)):
        return draw(white)
    inner = draw(st.text('ab ",{}[]:/*', max_size=6))
    comment = f"// {inner}\n" if draw(st.booleans()) else f"/* {inner.replace('*/', '')} */".replace("**/", "* */")
    return draw(white) + comment + draw(white)


@st.composite
def json_value(draw: st.DrawFn, comments: bool, depth: int = 0) -> str:
    kind = draw(st.integers(0, 5 if depth < 2 else 3))
    if kind < 4:
        return draw(st.one_of(TEXT.map(json.dumps), st.integers().map(str), st.sampled_from(["true", "null", "1.50e3"])))
    items = draw(st.lists(json_value(comments, depth + 1), max_size=3))
    if kind == 4:
        parts = [draw(gap(comments)) + one + draw(gap(comments)) for one in items]
    else:
        names = draw(st.lists(NAME, min_size=len(items), max_size=len(items), unique=True))
        parts = [
            f"{draw(gap(comments))}{json.dumps(name)}{draw(gap(comments))}:{draw(gap(comments))}{one}{draw(gap(comments))}"
            for name, one in zip(names, items, strict=True)
        ]
    last = "," if comments and parts and draw(st.booleans()) else ""
    tail = draw(gap(comments))
    return ("[" if kind == 4 else "{") + ",".join(parts) + last + tail + ("]" if kind == 4 else "}")


@st.composite
def json_file(draw: st.DrawFn, comments: bool) -> str:
    names = draw(st.lists(NAME, max_size=3, unique=True))
    members = [(name, draw(json_value(comments))) for name in names]
    if draw(st.booleans()):
        inner = draw(st.lists(NAME, max_size=3, unique=True))
        body = ",".join(f'{draw(gap(comments))}"{one}": {{"command": "x"}}{draw(gap(comments))}' for one in inner)
        members.insert(draw(st.integers(0, len(members))), ("mcpServers", "{" + body + draw(gap(comments)) + "}"))
    text = ",".join(
        f'{draw(gap(comments))}"{name}":{draw(gap(comments))}{value}{draw(gap(comments))}' for name, value in members
    )
    return draw(gap(comments)) + "{" + text + draw(gap(comments)) + "}" + draw(gap(comments))


TOML_PIECES = (
    "# a comment [not.a.table]\n",
    "\n",
    'key{n} = "a # b"\n',
    "key{n} = [ # c\n  1,\n  2, # [x]\n]\n",
    'key{n} = """\n[mcp_servers.our-fake]\n\\"""" \n',
    "key{n} = '''\n# no\n'''\n",
    "[table{n}]\n",
    "[[list]]\n",
    "  [table{n}.sub] # c\n",
    "[mcp_servers.user{n}]\ncommand = 'x'\n",
    "[mcp_servers.user{n}]\ncommand = 'x'\n[mcp_servers.user{n}.env]\nA = '1'\n",
    '["quo]ted{n}"]\n',
    "key{n} = { a = 1, b = [2] }\n",
)
YAML_PIECES = (
    "# a comment\n",
    "\n",
    'key{n}: "a # b"\n',
    "key{n}:\n  - 1\n  - x: 2 # c\n",
    "key{n}: |\n  # not a comment\n  extensions:\n\n",
    "key{n}: >-\n  folded\n  text\n",
    "key{n}:\n",
    "key{n}: {{a: 1}}\n",
    "'quo:ted{n}': yes\n",
)
YAML_USER = (
    "  user{n}:\n    cmd: x\n    # about the next\n",
    "  user{n}:\n    envs:\n      A: |\n        # text\n",
    "  # alone\n",
    "  user{n}: {{}}\n",
)


@st.composite
def toml_file(draw: st.DrawFn) -> str:
    pieces = draw(st.lists(st.sampled_from(TOML_PIECES), max_size=6))
    text = "".join(one.replace("{n}", str(number)) for number, one in enumerate(pieces))
    return text[:-1] if draw(st.booleans()) and text.endswith("\n") else text


@st.composite
def yaml_file(draw: st.DrawFn) -> str:
    def some(pieces: tuple[str, ...], most: int, start: int) -> str:
        found = draw(st.lists(st.sampled_from(pieces), max_size=most))
        return "".join(one.format(n=start + number) for number, one in enumerate(found))

    own = ""
    if draw(st.booleans()):
        users = some(YAML_USER, 3, 50)
        own = "extensions:\n" + users if "user" in users else f"extensions:{draw(st.sampled_from(['', ' {}']))}\n"
    text = some(YAML_PIECES, 3, 0) + own + some(YAML_PIECES, 3, 100)
    return (
        text[:-1]
        if draw(st.booleans()) and text.endswith((": yes\n", " c\n", "{}\n", "t\n")) and "text" not in text[-6:]
        else text
    )


FORMS: tuple[tuple[Form, Callable[[], st.SearchStrategy[str]], str], ...] = (
    (Form.JSON, lambda: json_file(False), "mcpServers"),
    (Form.JSONC, lambda: json_file(True), "mcpServers"),
    (Form.TOML, toml_file, "mcp_servers"),
    (Form.YAML, yaml_file, "extensions"),
)


@pytest.mark.parametrize(("form", "files", "key"), FORMS, ids=lambda one: one.value if isinstance(one, Form) else "")
class TestEveryByteOutsideStays:
    def test_of_what_is_put(self, form: Form, files: Callable[[], st.SearchStrategy[str]], key: str) -> None:
        @given(files(), OURS, st.sampled_from(["\n", "\r\n"]))
        @settings(max_examples=30, deadline=None)
        def holds(text: str, ours: dict[str, Value], line: str) -> None:
            text = text.replace("\n", line) if form is not Form.TOML or "'''" not in text else text
            try:
                read(form, text, "f")
            except Refused:
                return
            new = changed(form, text, (key,), ours, where="f")
            assert entries(form, new, (key,), "f").items() >= ours.items()
            if text.strip() and not (form is Form.YAML and "extensions: {}" in text):
                assert kept(text, new), (text, new)
            assert changed(form, new, (key,), ours, where="f") == new, "a second time changes nothing"

        holds()

    def test_of_what_is_taken_out_again(self, form: Form, files: Callable[[], st.SearchStrategy[str]], key: str) -> None:
        @given(files(), OURS)
        @settings(max_examples=30, deadline=None)
        def holds(text: str, ours: dict[str, Value]) -> None:
            try:
                before = read(form, text, "f")
            except Refused:
                return
            there = before.get(key)
            new = changed(form, text, (key,), ours, where="f")
            back = changed(form, new, (key,), {}, tuple(ours), where="f")
            if there:  # the place for our entries was there, with entries of the user
                ended = text if text.endswith("\n") or form in (Form.JSON, Form.JSONC) else text + "\n"
                assert shut(back.rstrip("\r\n")) == shut(ended.rstrip("\r\n"))
            else:
                assert not entries(form, back, (key,), "f")
                assert {k: v for k, v in read(form, back, "f").items() if k != key} == {
                    k: v for k, v in before.items() if k != key
                }

        holds()

    def test_of_what_is_changed(self, form: Form, files: Callable[[], st.SearchStrategy[str]], key: str) -> None:
        @given(files(), OURS, ENTRY)
        @settings(max_examples=15, deadline=None)
        def holds(text: str, ours: dict[str, Value], other: Value) -> None:
            try:
                read(form, text, "f")
            except Refused:
                return
            one = next(iter(ours))
            first = changed(form, text, (key,), ours, where="f")
            second = changed(form, first, (key,), {one: other}, where="f")
            assert changed(form, second, (key,), {one: ours[one]}, where="f") == first

        holds()


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form.JSON, '{"a": 1,}'),
        (Form.JSON, '{"a": 1 // c\n}'),
        (Form.JSON, "{"),
        (Form.JSON, "[]"),
        (Form.JSON, '{"a": 1, "a": 2}'),
        (Form.JSON, '{"mcpServers": 1}'),
        (Form.JSON, '{"mcpServers": {"a": {}}, "mcpServers": {}}'),
        (Form.JSON, "{'a': 1}"),
        (Form.JSONC, '{"a": /* 1}'),
        (Form.JSONC, '{"a" 1}'),
        (Form.JSONC, "null"),
        (Form.JSON, '{"a": "\t"}'),
        (Form.JSON, "{} {}"),
        (Form.TOML, "a = "),
        (Form.TOML, "a = 1\na = 2\n"),
        (Form.TOML, "mcp_servers = {}\n"),
        (Form.TOML, "mcp_servers = 1\n"),
        (Form.YAML, "a: [1"),
        (Form.YAML, "- a\n"),
        (Form.YAML, "a: 1\na: 2\n"),
        (Form.YAML, "---\na: 1\n---\nb: 2\n"),
        (Form.YAML, "{a: 1}\n"),
        (Form.YAML, "extensions: {a: {cmd: x}}\n"),
        (Form.YAML, "extensions: 1\n"),
        (Form.YAML, "a:\n\tb: 1\n"),
        (Form.JSON, "\ufeff{}"),
        (Form.JSONC, "\ufeff{}"),
        (Form.TOML, "\ufeffa = 1\n"),
        (Form.JSON, '{"\\u006dcpServers": {}, "mcpServers": {}}'),
        (Form.JSONC, '{"a": 1,,}'),
        (Form.JSONC, "{,}"),
        (Form.JSONC, '{"a": 1 # c\n}'),
        (Form.TOML, "[[mcp_servers]]\na = 1\n"),
        (Form.YAML, "a: !x 1\n"),
        (Form.YAML, "a: !!python/object:os.system x\n"),
        (Form.YAML, "extensions: &e\n  u: {cmd: y}\ncopy: *e\n"),
        (Form.YAML, "e: &e\n  u: {cmd: y}\nextensions: *e\n"),
        (Form.YAML, "extensions:\n  a: &o\n    cmd: z\nlater: *o\n"),
        (Form.YAML, "a: &a [*a]\n"),
        (Form.YAML, "a: 2026-99-99\n"),
    ],
)
def test_what_the_client_could_not_read_is_refused(form: Form, text: str) -> None:
    key = {Form.TOML: "mcp_servers", Form.YAML: "extensions"}.get(form, "mcpServers")
    with pytest.raises(Refused):
        changed(form, text, (key,), {"a": {"command": "x"}}, where="the file")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form.JSONC, '{\r  "a": 1\r}\r'),
        (Form.JSON, '{"\\u006dcpServers": {"\\u006fur": {"command": "y"}}}'),
        (Form.JSONC, '{"mcpServers": {"u": {"command": "y"},},}'),
        (Form.JSONC, '{ /* a /* b */ "c": 1 }'),
        (Form.TOML, "d = 2026-01-01T00:00:00Z\nn = nan\nf = -inf\nh = 0xff\n"),
        (Form.TOML, "[ mcp_servers . our ]\ncommand = 'y'\nargs = ['b']\n"),
        (Form.TOML, "[mcp_servers.our]\ncommand = 'y'\n[x]\na = 1\n[mcp_servers.our.env]\nB = '2'\n"),
        (Form.TOML, "[[mcp_servers.u]]\na = 1\n"),
        (Form.YAML, "\ufeffa: 1\n"),
        (Form.YAML, "base: &b\n  x: 1\nextensions:\n  u:\n    <<: *b\n    cmd: y\n"),
        (Form.YAML, "b: &b {cmd: z}\nextensions:\n  our: *b\n"),
        (Form.YAML, "? extensions\n: u: {cmd: y}\n"),
        (Form.YAML, 'a: "x\u2028y"\nextensions:\n  u: {cmd: y}\n'),
        (Form.YAML, "%YAML 1.2\n---\na: 1\n"),
    ],
)
def test_rare_forms_of_a_users_file_stay_as_they_are(form: Form, text: str) -> None:
    key = {Form.TOML: "mcp_servers", Form.YAML: "extensions"}.get(form, "mcpServers")
    ours: dict[str, Value] = {"our": {"command": "x", "args": ["a"]}}
    new = changed(form, text, (key,), ours, where="f")
    assert entries(form, new, (key,), "f")["our"] == ours["our"]
    for mark in ("2026", "nan", "/* b */", "\u2028", "<<: *b", "%YAML", "&b", "\ufeff", "[[mcp_servers.u]]"):
        assert new.count(mark) == text.count(mark)
    assert changed(form, new, (key,), ours, where="f") == new


def test_an_inline_entry_is_refused_and_not_written_twice() -> None:
    text = "[mcp_servers]\ntime = { command = 'x' }\n"
    with pytest.raises(Refused, match="inline"):
        changed(Form.TOML, text, ("mcp_servers",), {"time": {"command": "y"}}, where="config.toml")
    assert "[mcp_servers.other]" in changed(Form.TOML, text, ("mcp_servers",), {"other": {"command": "y"}}, where="config.toml")


def test_a_block_of_text_at_the_end_of_a_file_is_not_made_longer() -> None:
    with pytest.raises(Refused, match="line break"):
        changed(Form.YAML, "a: |\n  text", ("extensions",), {"b": {"cmd": "x"}}, where="config.yaml")


def test_inputs_of_the_user_stay() -> None:
    text = '{\n  // mine\n  "inputs": [{"id": "mine", "type": "promptString"}],\n  "servers": {}\n}\n'
    ours: list[Value] = [{"id": "TOKEN", "type": "promptString"}]
    new = changed(Form.JSONC, text, ("servers",), {"a": {"command": "x"}}, where="mcp.json", inputs=ours)
    assert [one["id"] for one in read(Form.JSONC, new, "f")["inputs"]] == ["mine", "TOKEN"]  # type: ignore[attr-defined]
    back = changed(Form.JSONC, new, ("servers",), {}, ("a",), where="mcp.json", drop_inputs=("TOKEN",))
    assert shut(back) == shut(text)
