"""What a command line offers, as scripts for shells. A script asks nothing when a key is pressed: all words are in it.

Scripts hold only words that no shell splits or expands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from adapters.cli.offered import Offer, Value

_PLAIN = re.compile(r"[A-Za-z0-9._:-]+\Z")
_MADE = "# Completion of arcops. 'arcops completion {name}' made it; make it again after an update.\n"
_TOP = ("--help", "--server", "--version")
"""The options before a command."""

_BASH = r"""_arcops_skip() {
    ((index++))
    if [ "${COMP_WORDS[index]}" = "=" ]; then ((index++)); fi
}
_arcops() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} index first= second= key= options= count=0
    if [ "$current" = "=" ]; then
        current=
    elif [ "$previous" = "=" ]; then
        previous=${COMP_WORDS[COMP_CWORD-2]}
    fi
    for ((index = 1; index < COMP_CWORD; index++)); do
        case ${COMP_WORDS[index]} in
            --server) _arcops_skip ;;
            -*) ;;
            *)
                if [ -z "$first" ]; then first=${COMP_WORDS[index]}
                elif [ -z "$second" ]; then second=${COMP_WORDS[index]}
                fi ;;
        esac
    done
    case "$first $second" in
@KEYS@
    esac
    case "$key" in
@OPTIONS@
    esac
    COMPREPLY=()
    case "$key $previous" in
@VALUES@
        *)
            if [[ $current == -* ]]; then
                COMPREPLY=($(compgen -W "$options" -- "$current"))
            else
                for ((index = 1; index < COMP_CWORD; index++)); do
                    case "$key ${COMP_WORDS[index]}" in
@TAKES@
                        *\ --server) _arcops_skip ;;
                        *\ -*|*\ =) ;;
                        *) ((count++)) ;;
                    esac
                done
                case "$key/$count" in
@ARGUMENTS@
                esac
            fi ;;
    esac
}
complete -o bashdefault -o default -F _arcops arcops
"""

_ZSH = r"""#compdef arcops
_arcops() {
    local current=${words[CURRENT]} previous=${words[CURRENT-1]} first= second= key= index count=0
    local -a options
    if [[ $current == --*=* ]]; then
        previous=${current%%=*}
        compset -P '*='
        current=${current#*=}
    fi
    for ((index = 2; index < CURRENT; index++)); do
        case ${words[index]} in
            (--server) ((index++)) ;;
            (-*) ;;
            (*)
                if [[ -z $first ]]; then first=${words[index]}
                elif [[ -z $second ]]; then second=${words[index]}
                fi ;;
        esac
    done
    case "$first $second" in
@KEYS@
    esac
    case "$key" in
@OPTIONS@
    esac
    case "$key $previous" in
@VALUES@
        (*)
            if [[ $current == -* ]]; then
                compadd -- $options
            else
                for ((index = 2; index < CURRENT; index++)); do
                    case "$key ${words[index]}" in
@TAKES@
                        (*\ --server) ((index++)) ;;
                        (*\ -*) ;;
                        (*) ((count++)) ;;
                    esac
                done
                case "$key/$count" in
@ARGUMENTS@
                esac
            fi ;;
    esac
}
if [ "$funcstack[1]" = "_arcops" ]; then
    _arcops "$@"
else
    compdef _arcops arcops
fi
"""

_FISH = r"""function __arcops_words
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if test "$word" = --server
            set skip 1
        else if not string match -q -- '-*' $word
            echo -- $word
        end
    end
end
function __arcops_at
    set -l words (__arcops_words)
    test (count $words) -ge (count $argv); or return 1
    set -l first $words[1..(count $argv)]
    test "$first" = "$argv"
end
function __arcops_only
    test "$(__arcops_words | string join ' ')" = "$argv"
end
complete -c arcops -f
"""


def bash(offers: Sequence[Offer]) -> str:
    """The script for bash 3.2 and newer."""
    return _MADE.format(name="bash") + _filled(_BASH, offers, _bash_value, "")


def zsh(offers: Sequence[Offer]) -> str:
    """The script for zsh: a function of ``compsys``, to be found in ``$fpath`` or read after ``compinit``."""
    first, _, rest = _filled(_ZSH, offers, _zsh_value, "(").partition("\n")
    return f"{first}\n{_MADE.format(name='zsh')}{rest}"  # zsh looks for '#compdef' in the first line


def fish(offers: Sequence[Offer]) -> str:
    """The script for fish."""
    lines = [_MADE.format(name="fish") + _FISH]
    for word, doc in sorted(_firsts(offers).items()):
        lines.append(f"complete -c arcops -n '__arcops_only' -a {word} -d {_quoted(doc)}\n")
    for name in _TOP:
        lines.append(f"complete -c arcops -n '__arcops_only' -l {name[2:]}{' -r' if name == '--server' else ''}\n")
    for offer in offers:
        at = f"complete -c arcops -n '__arcops_at {' '.join(offer.words)}'"
        if len(offer.words) == 2:
            lines.append(
                f"complete -c arcops -n '__arcops_only {offer.words[0]}' -a {offer.words[1]} -d {_quoted(offer.doc)}\n"
            )
        for option in offer.options:
            spelled = " ".join(f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}" for each in option.names)
            lines.append(f"{at} {spelled} -d {_quoted(option.doc)}{_fish_value(option.value)}\n")
        for words in {value.words for value in offer.arguments if value.words}:
            lines.append(f"{at} -a {_quoted(' '.join(words))}\n")
        if any(value.path for value in offer.arguments):
            lines.append(f"{at} -F\n")
    return "".join(lines)


SCRIPTS: Mapping[str, Callable[[Sequence[Offer]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def _filled(script: str, offers: Sequence[Offer], value: Callable[[Value], str], begin: str) -> str:
    """*script* with its cases. *begin* comes before the pattern of each case."""
    keys, options, values, takes, arguments = [], [], [], [], []
    firsts = sorted(_firsts(offers))
    for offer in offers:
        key, name = "_".join(offer.words), " ".join(offer.words)
        keys.append(f'{begin}"{name}") key={key} ;;' if len(offer.words) == 2 else f'{begin}"{name} "*) key={key} ;;')
        spellings = [each for option in offer.options for each in option.names]
        options.append(f"{begin}{key}) {_array(spellings, begin)} ;;")
        for option in offer.options:
            if option.value is not None:
                pattern = "|".join(f'"{key} {each}"' for each in option.names)
                values.append(f"{begin}{pattern}) {value(option.value)} ;;")
                takes.append(f"{begin}{pattern}) {'((index++))' if begin else '_arcops_skip'} ;;")
        skipped = len(offer.words)
        for number, argument in enumerate(offer.arguments):
            last = number == len(offer.arguments) - 1
            arguments.append(f"{begin}{key}/{'*' if last else number + skipped}) {value(argument)} ;;")
    options.append(f"{begin}*) {_array(_TOP, begin)} ;;")
    arguments.append(f"{begin}/0) {value(Value(words=tuple(firsts)))} ;;")
    for first in firsts:
        if seconds := tuple(one.words[1] for one in offers if one.words[0] == first and len(one.words) == 2):
            keys.append(f'{begin}"{first} "*) key=+{first} ;;')
            arguments.append(f"{begin}+{first}/*) {value(Value(words=seconds))} ;;")
    parts = {"KEYS": keys, "OPTIONS": options, "VALUES": values, "TAKES": takes, "ARGUMENTS": arguments}
    for word, lines in parts.items():
        script = script.replace(f"@{word}@", "\n".join(f"        {line}" for line in lines))
    return script


def _array(words: Iterable[str], begin: str) -> str:
    joined = " ".join(words)
    return f"options=({joined})" if begin else f'options="{joined}"'


def _firsts(offers: Iterable[Offer]) -> dict[str, str]:
    """Each first word with its help."""
    return {one.words[0]: one.doc if len(one.words) == 1 else f"About {one.words[0]}." for one in offers}


def _bash_value(value: Value) -> str:
    if value.words:  # if none of them fits, and only then, bash completes paths
        return f'COMPREPLY=($(compgen -W "{" ".join(_plain(value.words))}" -- "$current"))'
    return ":" if value.path else "type compopt >/dev/null 2>&1 && compopt +o bashdefault +o default"


def _zsh_value(value: Value) -> str:
    words = " ".join(_plain(value.words))
    return "; ".join(filter(None, (f"compadd -- {words}" if words else "", "_files" if value.path else ""))) or ":"


def _fish_value(value: Value | None) -> str:
    if value is None:
        return ""
    words = f" -a {_quoted(' '.join(_plain(value.words)))}" if value.words else ""
    return f" -r{words}" + (" -F" if value.path else " -f")


def _plain(words: Iterable[str]) -> Iterator[str]:
    return (word for word in words if _PLAIN.match(word))


def _quoted(text: str) -> str:
    r"""*text* in quotes of fish, in which only ``\`` and ``'`` mean more."""
    text = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"
