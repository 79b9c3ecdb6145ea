"""Templates that use what only an escape from a sandbox needs, at each place of a template."""

from __future__ import annotations

import json
import struct

from tests.tasks.hostile.case import Case, against

GOOD = "{% for m in messages %}{{ m['role'] + ': ' + m.content | trim }}{% endfor %}"

ESCAPES: dict[str, str] = {
    "dunder": "{{ ''.__class__ }}",
    "dunder as a key": "{{ messages['__class__'] }}",
    "a key of parts": "{{ messages['__cl' ~ 'ass__'] }}",
    "a key by plus": "{{ messages['__cl' + 'ass__'] }}",
    "a key with escapes": "{{ messages['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "a key by a variable": "{% set u = '_' %}{% set k = u ~ u ~ 'class' ~ u ~ u %}{{ messages[k] }}",
    "a key by a block": "{% set k %}__class__{% endset %}{{ messages[k] }}",
    "a key by a loop": "{% for k in ['_' * 2 ~ 'class'] %}{{ messages[k] }}{% endfor %}",
    "a key by a macro's argument": "{% macro f(k) %}{{ messages[k] }}{% endmacro %}{{ f('__cla' ~ 'ss__') }}",
    "a key by a namespace": "{% set ns = namespace(k='_' ~ '_init_' ~ '_') %}{{ messages[ns.k] }}",
    "a key by format": "{{ messages['%c%cclass' | format(95, 95)] }}",
    "a key by percent": "{{ messages['%c%cclass' % (95, 95)] }}",
    "a key by join": "{{ messages[['_', '_', 'class'] | join] }}",
    "a key by reverse": "{{ messages['__ssalc__' | reverse] }}",
    "a key by replace": "{{ messages['XXclassXX'.replace('X', '_')] }}",
    "a key by slicing": "{% set k = ('__ssalc__')[::-1] %}{{ messages[k] }}",
    "a key from a repr": "{% set k = (range | string)[18] %}{{ messages[k * 2 ~ 'class'] }}",
    "attr": "{{ messages | attr('__class__') }}",
    "attr by a variable": "{{ messages | attr(x) }}",
    "map attr": "{{ messages | map('attr', 'x') | list }}",
    "map attribute": "{{ messages | map(attribute='__class__') | list }}",
    "map a filter by a variable": "{{ messages | map(x) | list }}",
    "selectattr": "{{ messages | selectattr('__class__') | list }}",
    "sort attribute": "{{ messages | sort(attribute='a.__class__') }}",
    "groupby": "{{ messages | groupby('__class__') }}",
    "two dynamic keys": "{% for a in x %}{% for b in y %}{{ messages[a][b] }}{% endfor %}{% endfor %}",
    "two dynamic keys by a name": "{% for a in x %}{% set z = messages[a] %}{% for b in y %}{{ z[b] }}{% endfor %}{% endfor %}",
    "a method that is data": "{% for a in x %}{% set d = {'strip': messages[a]} %}{{ d.strip('id') }}{% endfor %}",
    "a key by another name of a namespace": (
        "{% set ns = namespace(k='a') %}{% set other = ns %}{% set ns.k = '__cl' ~ 'ass__' %}{{ messages[other.k] }}"
    ),
    "an attribute set by another name": (
        "{% set ns = namespace(k='a') %}{% set n = ns %}{% set n.k = x ~ y %}{{ messages[ns.k] }}"
    ),
    "a key by a macro that is there twice": (
        "{% macro f(k) %}{{ messages[k] }}{% endmacro %}{{ f('__cla' ~ 'ss__') }}{% macro f(z) %}{% endmacro %}"
    ),
    "a macro for a function": "{% macro range() %}__class__{% endmacro %}{{ messages[range()] }}",
    "another loop": "{% set loop = {'index0': '__cl' ~ 'ass__'} %}{{ messages[loop.index0] }}",
    "the next of a loop": "{% for a in ['x', '__cl' ~ 'ass__'] %}{{ messages[loop.nextitem] }}{% endfor %}",
    "int of what is not a number": "{{ messages['x' | int('__class__')] }}",
    "a default": "{{ messages[x | default('__class__')] }}",
    "a key from pairs": "{% set a, b = x, '__cl' ~ 'ass__' %}{{ messages[b] }}",
    "a key from a mapping": "{% set d = {'a': '__cl' ~ 'ass__'} %}{{ messages[d.a] }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'x' as x %}{{ x.y() }}",
    "from import": "{% from 'x' import y %}",
    "extends": "{% extends 'x' %}",
    "block": "{% block a %}{% endblock %}",
    "call block": "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{% endcall %}",
    "lipsum": "{{ lipsum }}",
    "lipsum's globals": "{{ lipsum['x'] }}",
    "cycler": "{{ cycler('a') }}",
    "self": "{{ self.x }}",
    "a call of anything": "{{ messages.pop() }}",
    "a call of a variable": "{{ messages() }}",
    "a call of a key": "{{ messages['x']() }}",
    "format": "{{ '{0.x}'.format(messages) }}",
    "format_map": "{{ 'a'.format_map(messages) }}",
    "an unknown filter": "{{ messages | pprint }}",
    "an unknown test": "{{ messages is callable }}",
    "a frame": "{{ (x | map('trim')).gi_frame }}",
    "mro": "{{ x.mro }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "spread arguments": "{{ range(*messages) }}",
    "a shadowed function": "{% for a in x %}{% set range = messages[a] %}{{ range('id') }}{% endfor %}",
    "an unknown tag": "{% do messages.append(1) %}",
    "depth": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "length": "{{ x }}" * 100_000,
    "a huge number": "{{ " + "9" * 50_000 + " }}",
    "no template": "{% if %}",
}  # fmt: skip
"""Everything that must be refused in a template, by its trick."""

_DUNDER = ESCAPES["a key of parts"]


def gguf(template: str, key: str = "tokenizer.chat_template") -> bytes:
    """A GGUF of one string."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text(key) + struct.pack("<I", 8) + text(template)
    return head + bytes(-len(head) % 32)


def tensors(metadata: dict[str, str]) -> bytes:
    """A safetensors of no tensors."""
    header = json.dumps({"__metadata__": metadata}).encode()
    return len(header).to_bytes(8, "little") + header


def _both(path: str, wrap: str) -> Case:
    bad, good = (wrap.replace("TEMPLATE", json.dumps(text)) for text in (_DUNDER, GOOD))
    return against("templates", path, bad, good, rule="weights/readable")


PLACES: tuple[Case, ...] = (
    *(
        against("templates", path, _DUNDER, GOOD, rule="weights/readable")
        for path in ("chat_template.jinja", "chat_templates/tool_use.jinja", "a/prompt.jinja2", "a/prompt.j2")
    ),
    _both("chat_template.json", '{"chat_template": TEMPLATE}'),
    _both("tokenizer_config.json", '{"chat_template": TEMPLATE}'),
    _both("a/tokenizer_config.json", '{"chat_template": [{"name": "default", "template": TEMPLATE}]}'),
    _both("b/tokenizer_config.json", '{"chat_template": {"default": TEMPLATE}}'),
    _both("processor_config.json", '{"chat_template": TEMPLATE}'),
    _both("preprocessor_config.json", '{"chat_template": TEMPLATE}'),
    _both("generation_config.json", '{"prompt_template": TEMPLATE}'),
    _both("config.json", '{"deep": [{"prompt": TEMPLATE}]}'),
    _both("config_sentence_transformers.json", '{"prompts": {"query": TEMPLATE}}'),
    _both("tool_template.json", '{"prompt": TEMPLATE}'),
    _both("genai_config.json", '{"model": {"template": TEMPLATE}}'),
    _both("config.yaml", "prompt:\n  template: TEMPLATE\n"),
    _both("config.toml", "template = TEMPLATE\n"),
    against("templates", "a.gguf", gguf(_DUNDER), gguf(GOOD), rule="weights/readable"),
    against(
        "templates", "b.gguf", gguf(_DUNDER, "tokenizer.chat_template.tool_use"),
        gguf(GOOD, "tokenizer.chat_template.tool_use"), rule="weights/readable",
    ),
    against("templates", "prompt_chatml.txt", _DUNDER, GOOD, rule="weights/readable"),
    against(
        "templates", "e.gguf", gguf("x").replace(struct.pack("<I", 8), struct.pack("<IIQ", 9, 8, 1), 1), gguf("x"),
        rule="weights/readable",
    ),
    against("templates", "c.gguf", gguf(_DUNDER, "acme.prompt"), gguf(GOOD, "acme.prompt"), rule="weights/readable"),
    against(
        "templates", "d.safetensors", tensors({"chat_template": _DUNDER}), tensors({"chat_template": GOOD}),
        rule="weights/readable",
    ),
    against(
        "templates", "Modelfile", "FROM ./model.safetensors\nTEMPLATE \"{{ call .System }}\"\n",
        "FROM ./model.safetensors\nTEMPLATE \"{{ .System }}\"\n", rule="weights/readable",
    ),
    against(
        "templates", "modelfile", "FROM registry.example/other\n", "FROM model.safetensors\nPARAMETER stop x\n",
        rule="weights/readable",
    ),
)  # fmt: skip

CASES: tuple[Case, ...] = (
    *(
        against("escapes", f"{trick.replace(' ', '-')}.jinja", text, GOOD, rule="weights/readable")
        for trick, text in ESCAPES.items()
    ),
    *PLACES,
)
