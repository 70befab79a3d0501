"""The bytes of an export, refused where the file is something else than text."""

from __future__ import annotations

from pathlib import Path

from promopilot.experiments.errors import DataError, Problem

# The first bytes of what people hand over by mistake, and what to do about each.
_OTHER_FILES = (
    (b"\xd0\xcf\x11\xe0", "is an old or locked Excel workbook", "save it as CSV UTF-8 in Excel"),
    (b"\x1f\x8b", "is compressed", "unpack it first"),
    (b"%PDF", "is a PDF", "export the report as CSV"),
    (b"PAR1", "is a Parquet file", "write it as CSV"),
)
_WEB_PAGES = (b"<!doctype html", b"<html", b"<?xml")
WORKBOOK = b"PK\x03\x04"  # a zip archive, which an Excel workbook is
_BLANK = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"


def read_bytes(path: Path) -> bytes:
    """The content of a file that has any.

    Raises:
        DataError: It cannot be read, is empty, or is no text file; an Excel workbook passes.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise refused(path.name, f"cannot be read ({reason})", "check the name") from error
    if not content.strip(_BLANK):
        raise refused(path.name, "must have a header and at least one row", "export it again")
    for start, rule, mend in _OTHER_FILES:
        if content.startswith(start):
            raise refused(path.name, rule, mend)
    if content[:64].lstrip().lower().startswith(_WEB_PAGES):
        raise refused(path.name, "is a web page or XML, no table", "export the report as CSV")
    return content


def refused(
    file: str,
    rule: str,
    mend: str,
    *,
    row: int | None = None,
    column: str | None = None,
    value: str | None = None,
) -> DataError:
    """The error of one place in one export."""
    return DataError([Problem(file, row, column, value, rule, mend)])
