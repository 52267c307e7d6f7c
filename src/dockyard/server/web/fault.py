"""What is wrong with a field, said beside the field: in the form that was sent, for eyes and for screen readers."""

import re
from collections.abc import Mapping, Sequence
from html import unescape

from markupsafe import Markup, escape

from dockyard.errors import Error

# Errors of the rooms below do not know of forms: where the reason is one field, this is which.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "account-name": ("name",),
    "name-taken": ("name",),
    "name-unknown": ("name", "repositories"),
    "glob-invalid": ("repositories", "tags", "claims"),
    "rule-invalid": ("tags", "keep", "kind"),
    "schedule-invalid": ("schedule",),
    "replication-endpoint-invalid": ("name", "registry"),
    "replication-endpoint-unknown": ("endpoint",),
    "replication-rule-invalid": ("name", "registry", "target"),
    "webhook-invalid": ("url", "kinds"),
    "webhook-secret": ("secret",),
    "issuer-invalid": ("issuer",),
    "password-weak": ("password", "new"),
    "page-login": ("password", "old"),
    "key-invalid": ("keys",),
    "copy-invalid": ("to", "as"),
    "copy-taken": ("as",),
}
_WORDS = re.compile(r"([a-z][a-z0-9-]*): ")
_FORM = re.compile(r"<form\b[^>]*>.*?</form>", re.DOTALL)
_INPUT = re.compile(r"<input\b[^>]*>")
_ATTRIBUTE = re.compile(r'\b([a-z-]+)="([^"]*)"')
_LAST_DETAILS = re.compile(r"<details>(?!.*<details>)(?!.*</details>)", re.DOTALL)


def field(error: Error, form: Mapping[str, Sequence[str]]) -> str:
    """The name of the field that an error is about; empty where it is none of the form's, or cannot be told."""
    named = _WORDS.match(error.message)
    if named is not None and named[1] in form:
        return named[1]
    known = [each for each in _FIELDS.get(error.reference, ()) if each in form]
    # The one that the message quotes, the longest as a short one may be in it by chance; else the first.
    quoted = [each for each in known if form[each] and form[each][0] and form[each][0][:40] in error.message]
    return max(quoted, key=lambda each: len(form[each][0])) if quoted else next(iter(known), "")


def placed(page: str, error: Error, form: Mapping[str, Sequence[str]]) -> str:
    """The page with the error beside its field, where there is one; what hides the form is opened.

    The page is our own: what others wrote is escaped in it, so that every tag in it is one.
    """
    wanted, do = field(error, form), form.get("do", [""])[0]
    for found in _FORM.finditer(page):
        text = found[0]
        if f'name="do" value="{escape(do)}"' not in text or not _same(text, form):
            continue
        made = _marked(text, wanted, error) if wanted else text
        before = _LAST_DETAILS.sub("<details open>", page[: found.start()])
        return before + made + page[found.end() :]
    return page


def _same(text: str, form: Mapping[str, Sequence[str]]) -> bool:
    """Whether the form's hidden fields are those that were sent: tables have a form in each row."""
    for tag in _INPUT.findall(text):
        has = dict(_ATTRIBUTE.findall(tag))
        if has.get("type") == "hidden" and has.get("name") not in ("csrf", "back"):
            sent = [each.strip() for each in form.get(has.get("name", ""), [])]
            if unescape(has.get("value", "")).strip() not in sent:
                return False
    return True


def _marked(text: str, name: str, error: Error) -> str:
    control = re.compile(
        rf'<(?:(input)\b(?![^>]*type="hidden")|(select|textarea)\b)([^>]*\bname="{re.escape(name)}"[^>]*)>'
    )
    found = control.search(text)
    if found is None:
        return text
    kind = found[1] or found[2]
    end = found.end() if found[1] else text.index(f"</{kind}>", found.end()) + len(kind) + 3
    note = str(Markup('<span class="fault" id="fault">{}</span>').format(error.message))
    opened = f'<{kind}{found[3]} aria-invalid="true" aria-describedby="fault">'
    return text[: found.start()] + opened + text[found.end() : end] + note + text[end:]
