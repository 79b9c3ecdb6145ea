"""Chat templates with the features that known families of models use, in words of our own."""

from __future__ import annotations

TEMPLATES: dict[str, str] = {
    "tools in a header, dates and slices": """
{{- bos_token }}
{%- if custom_tools is defined %}{% set tools = custom_tools %}{% endif %}
{%- if not tools_in_user_message is defined %}{%- set tools_in_user_message = true %}{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "1 Jan 2025" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|header|>system<|end|>\\n\\n" }}
{%- if builtin_tools is defined or tools is not none %}{{- "Environment: python\\n" }}{%- endif %}
{%- if builtin_tools is defined %}
    {{- "Tools: " + builtin_tools | reject('equalto', 'interpreter') | join(", ") + "\\n\\n" }}
{%- endif %}
{%- if tools is not none and not tools_in_user_message %}
    {%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}
{%- endif %}
{{- date_string + system_message }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|header|>' + message['role'] + '<|end|>' + message['content'] | trim + '<|eot|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}{{- raise_exception("One call at a time.") }}{%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {%- if builtin_tools is defined and tool_call.name in builtin_tools %}
            {{- tool_call.name + ".call(" }}
            {%- for arg_name, arg_val in tool_call.arguments | items %}
                {{- arg_name + '="' + arg_val + '"' }}{%- if not loop.last %}{{- ", " }}{%- endif %}
            {%- endfor %}
        {%- else %}
            {{- '{"name": "' + tool_call.name + '", "parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}" }}
        {%- endif %}
    {%- elif message.role == "tool" %}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}{{- message.content }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|header|>assistant<|end|>' }}{%- endif %}
""",
    "thinking, reversed messages, a namespace of numbers": """
{%- set ns = namespace(multi=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi and message.role == "user" and message.content is string
        and not(message.content.startswith('<answer>') and message.content.endswith('</answer>')) %}
        {%- set ns.multi = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}{%- set content = message.content %}{%- else %}{%- set content = '' %}{%- endif %}
    {%- if message.role == "assistant" %}
        {%- set thought = '' %}
        {%- if message.reasoning_content is string %}
            {%- set thought = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or (not loop.last and thought)) %}
            {{- '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}{{- content }}{%- endif %}
        {%- for tool_call in message.tool_calls or [] %}
            {%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- tool_call.name ~ '": ' }}
            {{- tool_call.arguments if tool_call.arguments is string else tool_call.arguments | tojson }}
        {%- endfor %}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- 'user' }}{%- endif %}
        {{- content }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- 'end' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>' }}{%- endif %}
""",
    "a schema by macros and keys of its own": """
{% macro rest(fields, handled) %}
    {%- if fields is mapping %}
        {%- for key in fields if key not in handled %}
            {%- if fields[key] is mapping or (fields[key] is sequence and fields[key] is not string) %}
                {{- '\\n<' ~ key ~ '>' ~ (fields[key] | tojson | safe) ~ '</' ~ key ~ '>' }}
            {%- else %}{{- fields[key] | string }}{%- endif %}
        {%- endfor %}
    {%- endif %}
{% endmacro %}
{%- for tool in tools %}
    {%- if tool.function is defined %}{%- set tool = tool.function %}{%- endif %}
    {%- for name, fields in tool.parameters.properties|items %}
        {{- name ~ fields.type | string }}
        {%- set handled = ['name', 'type', 'description', 'enum', 'required'] %}
        {{- rest(fields, handled) }}
    {%- endfor %}
    {{- rest(tool.parameters, ['type', 'properties']) }}
{%- endfor %}
{%- set loop_messages = messages %}
{%- for message in loop_messages %}
    {%- if loop.previtem and loop.previtem.role != "tool" %}{{- 'x' }}{%- endif %}
    {%- if not loop.last and loop.nextitem.role != "tool" %}{{- 'y' }}{%- endif %}
{%- endfor %}
""",
    "types by a mapping": """
{%- macro kind(spec) %}
{%- set names = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"} %}
{%- if names[spec.type] is defined %}{{- names[spec.type] }}
{%- elif spec.type == "array" %}{{- "list[" + kind(spec|items) + "]" }}
{%- elif spec.type is iterable %}
    {%- for t in spec.type %}{{- kind({"type": t}) }}{%- if not loop.last %},{%- endif %}{%- endfor %}
{%- else %}Any{%- endif %}
{%- endmacro %}
{%- for tool in tools %}{{ kind(tool.parameters.properties) }}{{ tool.parameters | tojson }}{%- endfor %}
""",
    "turns that must alternate": """
{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}{%- set loop_messages = messages[1:] %}
{%- else %}{%- set loop_messages = messages %}{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}{{- raise_exception("Roles must alternate.") }}{%- endif %}
    {%- set ns.index = ns.index + 1 %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if tools is not none and (message == user_messages[-1]) %}
        {%- for tool in tools %}
            {%- set tool = tool.function %}
            {{- '{"type": "function", ' }}
            {%- for key, val in tool.items() if key != "return" %}
                {%- if val is string %}{{- '"' + key + '": "' + val + '"' }}
                {%- else %}{{- '"' + key + '": ' + val|tojson }}{%- endif %}
            {%- endfor %}
        {%- endfor %}
    {%- endif %}
    {%- if message["tool_calls"] is defined and message.tool_calls is not none %}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("Ids have nine characters.") }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
{%- endfor %}
{{- eos_token if messages[-1]['role'] == 'assistant' else '' }}
""",
    "parts of messages": """
{{ bos_token }}
{%- if messages[0]['content'] is string -%}{%- set first = messages[0]['content'] + '\\n\\n' -%}
{%- else -%}{%- set first = messages[0]['content'][0]['text'] + '\\n\\n' -%}{%- endif -%}
{%- for message in messages -%}
    {%- if (message['role'] == 'assistant') -%}{%- set role = "model" -%}
    {%- else -%}{%- set role = message['role'] -%}{%- endif -%}
    {{ '<start>' + role + '\\n' + (first if loop.first else "") }}
    {%- if message['content'] is iterable and message['content'] is not string -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}{{ '<image>' }}
            {%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}
        {%- endfor -%}
    {%- else -%}{{ raise_exception("Invalid content type") }}{%- endif -%}
{%- endfor -%}
""",
    "what the model said": """
{% for message in messages %}
{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] }}{{ eos_token }}{% endgeneration %}
{% elif message['role'] not in ['user', 'system'] %}{% continue %}
{% else %}{{ '<|' + message['role'] | upper + '|>' ~ message['content'].replace('\\r', '') }}{% endif %}
{% if loop.index > 100 %}{% break %}{% endif %}
{% endfor %}
""",
    "flags of a namespace and text of several parts": """
{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}
{% set ns = namespace(is_first=false, is_tool=false, system_prompt='', first=true) %}
{%- for message in messages %}
    {%- if message['role'] == 'system' %}
        {%- if ns.first %}{% set ns.system_prompt = ns.system_prompt + message['content'] %}{% set ns.first = false %}
        {%- else %}{% set ns.system_prompt = ns.system_prompt + '\\n\\n' + message['content'] %}{%- endif %}
    {%- endif %}
{%- endfor %}
{{ bos_token }}{{ ns.system_prompt }}
{%- for message in messages %}
    {%- if message['role'] == 'assistant' and message['tool_calls'] is defined and message['tool_calls'] is not none %}
        {%- set ns.is_tool = false -%}
        {%- for tool in message['tool_calls'] %}
            {%- if not ns.is_first %}{{ tool['type'] + tool['function']['name'] + tool['function']['arguments'] }}
                {%- set ns.is_first = true -%}
            {%- else %}{{ '\\n' + tool['type'] }}{%- endif %}
        {%- endfor %}
    {%- endif %}
    {%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}{{ message['content'] }}{%- endif %}
{%- endfor -%}
{% if ns.is_tool %}{{ 'end' }}{% endif %}
""",
    "documents, sets of lines and defaults": """
{%- set date = today | default(strftime_now('%Y-%m-%d')) %}
{%- set preamble %}
You help. Today is {{ date }}.
{% if documents %}{% for document in documents %}{{ loop.index0 }}: {{ document.title | title }} {{ document['text'] }}
{% endfor %}{% endif %}
{%- endset %}
{{ preamble | trim }}
{%- set kinds = tools | map(attribute='type') | unique | list %}
{%- for group in tools | groupby('type') %}{{ group.grouper }}{{ group.list | length }}{% endfor %}
{%- for i in range(messages | length) %}{{ messages[i].content[:20] }}{{ messages[i + 1].role if i < 3 else '' }}{% endfor %}
{%- for key, value in options | dictsort %}{{ key | capitalize }}={{ value | int + 1 }}{% endfor %}
{{- (messages | selectattr('role', 'eq', 'user') | list)[-1].content | replace('a', 'b') | indent(2) }}
{{- "a,b".split(',') | join(' ') }}{{ names.get('x', 'y') }}{{ names.keys() | sort | first }}{{ names.values() | list | last }}
""",
}
