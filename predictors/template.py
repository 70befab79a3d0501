"""A template for texts, taken apart: parts between separators, fields in braces, words around them.

"{text} | {category} | {discount:.0%} off" has three parts. Importing this module imports no pandas:
the config checks its template with it.
"""

import re
from dataclasses import dataclass
from string import Formatter

# What stands between two parts and is left out with a part whose cells are missing. A hyphen or a
# slash only with spaces around it, a comma or a colon only before one: "2-for-1", "9:30", "1,000".
_SEPARATOR = re.compile(r"\s*[|;·•]\s*|\s*[,:]\s+|\s+[/\u2013\u2014-]\s+")
_LONGEST = 99  # a format may not widen a cell beyond this many characters


@dataclass(frozen=True)
class Field:
    """A column in braces."""

    column: str
    format: str  # of Python's format specification; "" where none is given


@dataclass(frozen=True)
class Part:
    """What stands between two separators."""

    separator: str  # before it
    pieces: tuple[str | Field, ...]  # words and fields in their order

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields among the pieces."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Field))


def parts_of(template: str) -> tuple[Part, ...]:
    """Takes a template apart.

    Raises:
        ValueError: it is not one, names no column, or its braces hold more than name and format.
    """
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"is no template ({error}); write {{column}}, and {{{{ for {{") from None
    parts: list[Part] = []
    separator, pieces = "", list[str | Field]()
    for words, column, form, conversion in parsed:
        start = 0
        for found in _SEPARATOR.finditer(words):
            pieces.append(words[start : found.start()])
            parts.append(Part(separator, tuple(piece for piece in pieces if piece)))
            separator, pieces, start = found.group(), [], found.end()
        pieces.append(words[start:])
        if column is not None:
            pieces.append(_field(column, form or "", conversion))
    parts.append(Part(separator, tuple(piece for piece in pieces if piece)))
    if not any(part.fields for part in parts):
        raise ValueError("names no column, so that all texts would be alike; write {text}")
    return tuple(parts)


def _field(column: str, form: str, conversion: str | None) -> Field:
    # An attribute or an index, "{text.__class__}", could reach what is not in the table.
    if not column.isidentifier() or conversion or "{" in form:
        held = column + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
        raise ValueError(
            f"holds {{{held}}}; braces hold the name of a column and, after a colon, a format"
        )
    if any(int(number) > _LONGEST for number in re.findall(r"\d+", form)):
        raise ValueError(f"has the format {form!r}; its numbers must be at most {_LONGEST}")
    return Field(column, form)
