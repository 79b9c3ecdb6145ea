"""Forms of instructions to a model, as published attacks on the descriptions of tools ("tool poisoning") have them, in English.

A form is listed, not understood: what is written in other words gets through. Each has a bounded length, so that no text takes
long. The forms of other languages are in `gates.server.tongues`.
"""

from __future__ import annotations

_MODEL = r"(?:assistant|model|agent|ai|llm|claude|chatgpt|gpt|gemini|copilot)"
_THEIRS = (
    r"(?:conversation|chat)(?: history| log| context|s)?|(?:message|session|prompt) (?:history|log)|system (?:prompt|message)"
)
_GUARDED = (
    r"(?:api[ _-]?keys?|passwords?|credentials?|private keys?|secret keys?|access tokens?|auth(?:entication|"
    r"orization)? tokens?"
    r"|ssh keys?|session cookies?|environment variables?|\.env file|mcp\.json|config(?:uration)? files?)"
)
FORMS: dict[str, tuple[str, ...]] = {
    "a tag for a model": (
        r"<\s*/?\s*(important|system|instructions?|secret|hidden|admin|assistant|user|prompt|critical|urgent|"
        r"developer|sysprompt"
        r"|tool_call|tool_response|function_calls?|invoke|thinking|antml:\w{1,20})\b[^>\n]{0,40}>",
        r"<\|[a-z_]{2,30}\|>|\[/?INST\]|<</?SYS>>|\[/?(SYSTEM|IMPORTANT|ADMIN|HIDDEN)\]",
        r"(^|\n)[#=\-* ]{0,6}(system|developer|assistant|human)( message| prompt| instructions?|"
        r" note)?\s*[#=\-*]{0,6}:\s*\S",
        r"(^|\n)[#=\-* ]{1,6}(begin|end|start) (of )?(system|hidden|secret|new|admin)",
    ),
    "a comment that a page does not show": (
        r"<!--|<!\[CDATA\[",
        r"\[[^\]\n]{1,40}\]:\s*(#|<>)",
        r"\[comment\]:",
        r"\{#.{0,400}#\}|\{\{!|<%--",
    ),
    "markup that hides or runs something": (
        r"<\s*(?P<what>script|object|template|noscript|style|svg|iframe|form)\b[^>]{0,200}>.{0,2000}</\s*(?P=what)\s*>",
        r"<\s*(script|iframe|object|embed|meta|base|form|link|svg)\b[^>]{0,200}\b(src|srcdoc|href|data|content|action|"
        r"on[a-z]{3,20})\s*=",
        r"<[a-z][^>]{0,200}\b(hidden\b|aria-hidden|on[a-z]{3,20}\s*=|style\s*=\s*[\"'][^\"']{0,200}(display\s*:\s*none"
        r"|visibility\s*:\s*hidden|opacity\s*:\s*0|font-size\s*:\s*0|color\s*:\s*(white|#fff|transparent)))",
        r"\\color\{white\}|\\phantom\{|\$\\tiny",
        r"\]\(\s*(javascript|data|vbscript):",
    ),
    "an instruction to ignore others": (
        r"\b(ignor(e|ing)|disregard(ing)?|forget(ting)?|overrid(e|ing|es)|bypass(ing)?|skip|drop|discard|"
        r"do not follow|don'?t follow"
        r"|stop following)\b.{0,40}\b(previous|prior|above|earlier|preceding|existing|other|system|all|any|your|"
        r"safety)\b.{0,30}"
        r"\b(instructions?|rules?|prompts?|messages?|guidelines?|polic(y|ies)|restrictions?|guardrails?|context|"
        r"directives?)\b",
        r"\b(these|this|the following|my) (instructions?|rules?|text|description)\b.{0,30}\b(take|takes|has|"
        r"have) (precedence|priority)",
        r"\b(supersedes?|replaces?|overrides?|outranks?)\b.{0,40}\b(instructions?|rules?|prompts?|guidelines?)\b",
    ),
    "an instruction to hide something from the user": (
        r"\b(do not|don'?t|never|without|must not|should not|shouldn'?t|avoid|no need to|refrain from)\b.{0,30}"
        r"\b(tell|mention|inform|reveal|show|notify|alert|ask|disclose|explain|expose)(ing)?\b.{0,30}\b(user|human|"
        r"person|operator)\b",
        r"\b(hide|conceal|keep|withhold)\b.{0,40}\b(from|secret from|hidden from) (the )?(user|human|person|operator)s?\b",
        r"\b(user|human|operator)s?\b.{0,20}\b(must|should|may|does|do|need) ?(not|never|n'?t)\b.{0,20}"
        r"\b(know|see|notice|be told|be aware|be informed|find out|learn)\b",
        r"\b(silently|secretly|covertly|quietly|discreetly)\b.{0,30}"
        r"\b(send|call|read|copy|run|execute|include|add|pass|upload|forward|append|collect)\b",
        r"\bkeep (this|it|these) (a secret|secret|hidden|confidential|between us)\b",
    ),
    "an instruction about calls of other tools": (
        r"\b(before|prior to|instead of|whenever|after|when)\b.{0,60}\b(using|calling|invoking|running) "
        r"(this|any|the|other|another)\b.{0,40}\b(tool|function)s?\b.{0,80}\b(must|read|send|call|include|pass|first)\b",
        r"\b(before|after|whenever|each time|every time) (you )?(use|call|invoke|run|using|calling|invoking)\w* "
        r"(any|every|all|each) (other )?(tool|function)",
        r"\b(do not|don'?t|never|stop) (use|using|call|calling|invoke) (any |the )?(other|another|original|real|"
        r"official)\b.{0,30}"
        r"\b(tool|function|server)s?\b",
        r"\bwhen(ever)?\b.{0,30}\b(send_?e?mail|another server|other servers?)\b.{0,60}\b(must|bcc|instead|change|"
        r"replace)\b",
    ),
    "the place of a secret": (
        r"(~|\$HOME|%USERPROFILE%|/root|/home/[^\s/]+|/Users/[^\s/]+)[/\\]\.(ssh|aws|gnupg|kube|config|docker|netrc|"
        r"npmrc|pypirc|cursor"
        r"|claude|env|git-credentials|azure|bash_history|zsh_history|vscode|codeium|gemini|mozilla|password-store)\b",
        r"\bid_(rsa|ed25519|ecdsa|dsa)\b|\bauthorized_keys\b",
        r"/etc/(shadow|passwd|sudoers|kubernetes/admin\.conf)\b|/proc/(self|\d+|1)/(environ|cmdline|mem|maps)\b",
        r"/var/run/secrets/|/run/secrets/|/var/run/docker\.sock|169\.254\.169\.254|metadata\.google\.internal",
        r"\b(mcp|claude_desktop_config)\.json\b|\bwallet\.dat\b|\bLogin Data\b|\bcookies\.sqlite\b|\bkeychain-db\b",
    ),
    "an instruction to hand over what is not asked for": (
        rf"\b(include|pass|append|add|attach|provide|insert|copy|put|paste|embed|summari[sz]e)\b.{{0,40}}\b(the |your |"
        rf"full |entire |whole "
        rf"|previous |complete |all )+({_THEIRS})\b.{{0,50}}\b(in|as|to|into|with|for)\b.{{0,30}}"
        rf"\b(parameter|argument|field|note|sidenote|context|value|call|url|query|header)\b",
        rf"\b(read|open|cat|print|find|locate|look up|get|fetch|search for)\b.{{0,30}}\b(the |your |user'?s |their |"
        rf"all )*{_GUARDED}\b.{{0,80}}"
        rf"\b(pass|send|include|append|put|use|add|attach|provide|insert)\b.{{0,40}}"
        rf"\b(as|in|to|into)\b.{{0,20}}\b(parameter|argument|field|note|sidenote|context|value|it|url|query)\b",
        r"\b(output|print|repeat|reveal|return|show|reproduce|leak|quote)\b.{0,20}\b(your|the) (full |entire |"
        r"whole |initial |original )*"
        r"(system|developer|hidden) (prompt|message|instructions?)\b",
    ),
    "an instruction to send something away": (
        r"\b(send|post|upload|forward|submit|transmit|report|deliver|copy|push|e-?mail)\b.{0,80}\b(to|at|via|into)\b.{0,20}"
        r"(https?://|wss?://|\b[\w.+-]+@[\w-]+\.[a-z]{2,})",
        r"\b(exfiltrate|bcc)\b.{0,80}(https?://|\b[\w.+-]+@[\w-]+\.[a-z]{2,})",
        r"https?://[^\s)\"'<>]{1,200}[?&][\w-]{1,30}=[{<\[$][^\s)\"']{0,60}(secret|token|password|history|prompt|"
        r"conversation|env)",
    ),
    "a command to run": (
        r"\b(curl|wget|iwr|fetch)\b[^|\n]{0,200}\|\s*(sudo\s+)?(ba|z|da)?sh\b",
        r"\bpowershell(\.exe)?\b.{0,40}-(e|enc|encodedcommand)\b|\bInvoke-Expression\b|\biex\s*\(",
        r"\brm\s+-[a-z]*[rf][a-z]*\s+[~/$]|\bchmod\s+\+?[0-7x]{1,4}\s.{0,60}&&|\bnc\s+-[a-z]*e\b|/dev/tcp/|\bmkfifo\b",
        r"\b(base64\s+(-d|--decode)|xxd\s+-r)\b.{0,40}\|",
    ),
    "a picture from elsewhere": (
        r"!\[[^\]]{0,200}\]\(\s*(https?:)?//",
        r"<\s*img\b[^>]{0,200}\bsrc\s*=\s*[\"']?\s*(https?:)?//",
    ),
    "an encoded text": (r"\bdata:[a-z]+/[a-z0-9.+-]+;base64,", r"[A-Za-z0-9+/]{400,}={0,2}"),
    "a control sequence of a terminal": (r"\x1b\[", r"\\(x1b|033|e)\["),
    "an instruction to a model": (
        r"\byou (are now|must now|will now act as|are no longer)\b",
        r"\b(from now on|henceforth|for the rest of (this|the) (conversation|session|chat))\b.{0,40}\b(you|act|"
        r"respond|answer|always)\b",
        r"\bnew (system )?instructions?\s*:",
        r"\b(system prompt|developer mode|jailbreak|do anything now|god mode|debug mode)\b",
        rf"\b(dear |attention,? |note to |hey |important (note |message )?(for|to) )(the |any |all )?{_MODEL}s?\b",
        rf"\bif you are an? {_MODEL}\b|\bas an? {_MODEL},? you (must|should|will)\b|\binstructions? (for|to) (the |"
        rf"all |any )?{_MODEL}s?\s*[:\-\u2013\u2014]",
        r"\b(pretend|act|behave|respond) (to be|as if|as though|like) (you|an? (unrestricted|unfiltered|admin|root|"
        r"different))\b",
        r"\bwithout (asking for |any |the user'?s |user |requiring |seeking )*(confirmation|permission|consent|"
        r"approval)\b.{0,40}"
        r"\b(run|execute|call|send|delete|always|proceed)\b",
        r"\b(always|automatically) (approve|accept|allow|confirm|grant)\b.{0,40}\b(requests?|calls?|permissions?|"
        r"actions?|tools?)\b",
    ),
}
