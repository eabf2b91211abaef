"""What is going on, as a line under the button: progress, results and mistakes."""

from html import escape
from typing import Final

from .takes import Step


# Brings the line into sight where it is out of it, as on a phone; `{name}` is its id.
TO_STATUS: Final = "() => document.querySelector('#{name}').scrollIntoView({{block: 'nearest', behavior: 'smooth'}})"


def show_step(step: Step) -> str:
    """A bar, the stage and, once it can be told, the time left."""
    left = "" if step.seconds_left is None else f" · about {max(1, round(step.seconds_left))} s left"
    bar = f'<progress max="1" value="{step.share:.3f}" aria-label="done so far"></progress>'
    return f'<div class="status">{bar}<p>{escape(step.text).capitalize()}{left}</p></div>'


def show_note(text: str) -> str:
    """Something that went well."""
    return f'<div class="status" role="status"><p>{escape(text)}</p></div>'


def show_problem(error: Exception) -> str:
    """What cannot be used and how to mend it, announced to screen readers."""
    text = str(error)
    return f'<div class="status problem" role="alert"><p>{escape(text[:1].upper() + text[1:])}.</p></div>'
