"""The pages of logging in and out: they have no script, load nothing, and quote nothing of what a request said. Only
to a person is given back what they typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from starlette.responses import HTMLResponse

from foundation.login.person import Person

_POLICY = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_HEADERS = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
_START = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'


def said(status: int, title: str, text: str, *, go_on: str, words: str, more: str = "") -> HTMLResponse:
    """A page that says *text*, with a link to *go_on*, and *more* HTML."""
    body = (
        f"{_START}<title>{escape(title)} · ArcOps</title><h1>{escape(title)}</h1><p>{escape(_sentence(text))}</p>"
        f'{more}<p><a href="{escape(go_on)}">{escape(words)}</a></p></html>'
    )
    # A form whose page sends no referrer at all has no origin either, and would be refused.
    referrer = "same-origin" if more else "no-referrer"
    return HTMLResponse(body, status_code=status, headers={**_HEADERS, "Referrer-Policy": referrer})


def typed_again(form: Mapping[str, str], typed: str, action: str) -> str:
    """What a person typed into the field *typed* of *form*, as HTML: to be sent to *action* again, or without it to be copied;
    empty if there is nothing.
    """
    if not form.get(typed):
        return ""
    text = f'name="{escape(typed)}" rows="8" cols="36">\n{escape(form[typed])}</textarea></p>'  # HTML drops the first line end
    label = '<p><label for="typed">What you wrote</label></p><p>'
    if not action:
        return f'{label}<textarea id="typed" readonly {text}'
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in form.items()
        if name not in (typed, "do")
    )
    button = f'<p><button name="do" value="{escape(form.get("do", ""))}">Send it again</button></p>'
    return f'<form method="post" action="{escape(action)}">{hidden}{label}<textarea id="typed" {text}{button}</form>'


def too_often(wait: int, *, go_on: str) -> HTMLResponse:
    """The page for an address that began too often, which may again in *wait* seconds (RFC 6585, section 4)."""
    text = f"this address began to log in or to join too often; try again in {wait} seconds"
    page = said(429, "Too often", text, go_on=go_on, words="Try again")
    page.headers["Retry-After"] = str(wait)
    return page


def leaving(there: str) -> HTMLResponse:
    """The page after logging out here, which goes on to the provider at *there*.

    It is no redirect: a browser follows none from a form to another site that the page's policy does not name.
    """
    url = escape(there)
    body = (
        f'{_START}<meta http-equiv="refresh" content="0;url={url}"><title>Logged out · ArcOps</title>'
        f'<h1>You are logged out here</h1><p><a href="{url}">Go on to log out at the provider, too</a></p></html>'
    )
    return HTMLResponse(body, headers={**_HEADERS, "Referrer-Policy": "no-referrer"})


def not_for(person: Person, why: str, otherwise: str = "") -> HTMLResponse:
    """The page for someone who is logged in and may not read; *otherwise* is the address to log in at so that they may."""
    again = f'<p><a href="{escape(otherwise)}">Log in as this page asks for, with a further proof</a></p>' if otherwise else ""
    body = (
        f"{_START}<title>Not for you · ArcOps</title><h1>You may not read this</h1>"
        f"<p>You are logged in as {escape(person.name)} ({escape(person.id)} at {escape(person.issuer)}). "
        f"{escape(_sentence(why))} The one who runs this place, or the provider, can give you the role for it.</p>"
        f"{again}{leave_form(person)}</html>"
    )
    return HTMLResponse(body, status_code=403, headers={**_HEADERS, "Referrer-Policy": "same-origin"})


def leave_form(person: Person) -> str:
    """The button that logs *person* out."""
    return (
        f'<form method="post" action="{escape(person.leave)}"><input type="hidden" name="form" value="{escape(person.form)}">'
        "<button>Log out</button></form>"
    )


def _sentence(text: str) -> str:
    shown = "".join(one if one.isprintable() else "?" for one in text[:1000])
    return f"{shown[:1].upper()}{shown[1:]}." if shown else ""
