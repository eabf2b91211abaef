"""
Docstrings of diffusers' style as the API reference shows them: a griffe extension, loaded by `mkdocs.yml`.

``[`Name`]`` becomes a link where the reference has that name and code where it has not; the types of arguments lose
their backticks and what the column of defaults says; a line that describes several arguments becomes one for each.
"""

import re
from pathlib import Path
from typing import Any, Final

from griffe import Extension, Object


HERE: Final = Path(__file__).parent
ARGUMENT: Final = re.compile(r"^( +)([\w*]+(?:, [\w*]+)*)(?: \((.+?)\))?:(?: (.*))?$")


def documented() -> dict[str, str]:
    """The names of the reference, and those of their methods that docstrings mention, by what docstrings call them."""
    pages = "\n".join(path.read_text(encoding="utf-8") for path in sorted(HERE.glob("api*.md")))
    paths = re.findall(r"^::: (dirfa_pipeline\.\S+)", pages, re.MULTILINE)
    return {path.rpartition(".")[2]: path for path in paths}


class DocstringLinks(Extension):
    """Rewrites each docstring before it is parsed."""

    def __init__(self) -> None:
        super().__init__()
        self.names = documented()

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = self.rewrite(obj.docstring.value, obj)

    def rewrite(self, text: str, obj: Object) -> str:
        """The whole docstring, its arguments first."""
        head, found, rest = text.partition("Args:\n")
        if found:
            block, gap, after = rest.partition("\n\n")
            text = head + found + "\n".join(split_arguments(block.splitlines())) + gap + after
        return re.sub(r"\[`([\w.]+)`\](?!\()", lambda match: self.link(match[1], obj), text)

    def link(self, name: str, obj: Object) -> str:
        """A name of the reference, or a method of the class at hand, as a link; others as code."""
        owner = obj if obj.is_class else obj.parent
        if owner is not None and owner.is_class and owner.path in self.names.values() and name in owner.members:
            return f"[`{name}`][{owner.path}.{name}]"
        return f"[`{name}`][{self.names[name]}]" if name in self.names else f"`{name}`"


def split_arguments(lines: list[str]) -> list[str]:
    """The lines of an `Args:` block with one argument each and plain types."""
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    blocks: list[list[str]] = []
    for line in lines:
        if len(line) - len(line.lstrip()) == indent or not blocks:
            blocks.append([line])
        else:
            blocks[-1].append(line)
    return [line for block in blocks for line in _each(block)]


def _each(block: list[str]) -> list[str]:
    match = ARGUMENT.match(block[0])
    if match is None:
        return block
    indent, names, kind, words = match.groups()
    told = f" ({plain_type(kind)})" if kind else ""
    return [
        line for name in names.split(", ") for line in (f"{indent}{name}{told}: {words or ''}".rstrip(), *block[1:])
    ]


def plain_type(kind: str) -> str:
    """``[`A`] or `b`, *optional*, defaults to `c` `` as `A or b`."""
    without = re.sub(r",? ?\*optional\*|,? ?defaults to .*", "", kind)
    return without.replace("[`", "").replace("`]", "").replace("`", "").strip() or "Any"
