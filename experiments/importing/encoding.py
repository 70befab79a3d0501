"""Which letters the bytes of a text file mean: told from the bytes, never guessed from the name.

Platforms write UTF-8 or UTF-16; a file that has been through a spreadsheet is often in the code
page of that computer. A byte order mark decides, then whether the bytes are valid UTF-8, then
whether they make common Chinese characters (GB18030) or letters of Western Europe (Windows-1252).
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from itertools import islice

from promopilot.experiments.importing.opening import refused

_PART = 1 << 24  # bytes looked at in one go
_SAMPLE = 50_000  # runs of other than ASCII bytes that tell the code page
# A letter of GB18030 may end in an ASCII byte, but not in a digit, blank or delimiter.
_OTHER_THAN_ASCII = re.compile(rb"[\x80-\xff]+[\x40-\x7e]?")
# Marks other than letters that Western texts have.
_WESTERN_MARKS = frozenset("€£°’‘“”„–—…·•×©®™«»‹›¡¿ºª§±²³½¼¾\xa0\xad´")
_PLAUSIBLE = 0.6  # least share of characters that a right reading makes common ones


def to_utf8(file: str, content: bytes) -> tuple[bytes, str]:
    """The text of a file as UTF-8 without byte order mark, and the name of what it was.

    Args:
        file: Name of the file, for the error.
        content: Its bytes.

    Raises:
        DataError: The bytes are no text, a damaged one, or in a code page that is not known here.
    """
    if content.startswith(codecs.BOM_UTF8):
        content = content[len(codecs.BOM_UTF8) :]
    elif wide := _utf16(content):
        return _transcoded(file, content, wide), "UTF-16"
    _refuse_zero_bytes(file, content)
    wrong = first_fault(content)
    if wrong is None:
        return content, "UTF-8"
    segments = (found.group() for found in _OTHER_THAN_ASCII.finditer(content))
    sample = b" ".join(islice(segments, _SAMPLE))
    if _damaged_utf8(sample):
        row = content.count(b"\n", 0, wrong) + 1
        raise refused(
            file,
            "is UTF-8 text, but this byte is not",
            "export it again, or save it as CSV UTF-8",
            row=row,
            value=f"0x{content[wrong]:02x}",
        )
    if _chinese(sample):
        return _transcoded(file, content, "gb18030"), "GB18030"
    if _western(sample):
        return _transcoded(file, content, "cp1252"), "Windows-1252"
    raise refused(file, "is in an encoding that is not known here", "save it as CSV UTF-8")


def first_fault(content: bytes) -> int | None:
    """Place of the first byte that is not UTF-8, None where all are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(content), _PART):
        held = len(decoder.getstate()[0])  # the first bytes of a letter, from the part before
        part = content[start : start + _PART]
        try:
            decoder.decode(part, start + _PART >= len(content))
        except UnicodeDecodeError as error:
            return max(0, start - held + error.start)
    return None


def _utf16(content: bytes) -> str | None:
    """The codec of UTF-16 text, by its mark or by its many zero bytes, which ASCII letters have."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    head = content[: 1 << 16]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > len(head) // 16 and even * 16 < odd:
        return "utf-16-le"
    if even > len(head) // 16 and odd * 16 < even:
        return "utf-16-be"
    return None


def _transcoded(file: str, content: bytes, codec: str) -> bytes:
    decoder = codecs.getincrementaldecoder(codec)()
    parts = []
    try:
        for start in range(0, len(content), _PART):
            part = content[start : start + _PART]
            parts.append(decoder.decode(part, start + _PART >= len(content)).encode())
    except UnicodeError as error:  # half a letter, or one of a pair
        rule = f"is damaged: not all of it is {codec.upper()} text"
        raise refused(file, rule, "export it again") from error
    text = b"".join(parts)
    _refuse_zero_bytes(file, text)
    return text


def _refuse_zero_bytes(file: str, text: bytes) -> None:
    at = text.find(b"\0")
    if at >= 0:
        row = text.count(b"\n", 0, at) + 1
        raise refused(file, "holds a zero byte, which no text has", "export it again", row=row)


def _damaged_utf8(sample: bytes) -> bool:
    """Whether most of the sample is UTF-8 all the same: no other code page makes that."""
    text = sample.decode("utf-8", "surrogateescape")
    wrong = sum("\udc80" <= letter <= "\udcff" for letter in text)
    right = sum(letter >= "\x80" for letter in text) - wrong
    return right > wrong


def _chinese(sample: bytes) -> bool:
    """Whether GB18030 makes it the 3,755 common characters, or full-width marks, most of the time.

    Read as GB18030, Western letters are rare characters: level 1 of GB 2312 is where both bytes
    are high and the first is 0xB0 to 0xD7.
    """
    common = other = 0
    for letter, count in Counter(sample.decode("gb18030", "replace")).items():
        if letter < "\x80":
            continue
        pair = letter.encode("gb18030")
        level_1 = 0xB0 <= pair[0] <= 0xD7 or 0xA1 <= pair[0] <= 0xA3
        if len(pair) == 2 and level_1 and pair[1] >= 0xA1 and letter != "\ufffd":
            common += count
        else:
            other += count
    return common > 0 and common >= _PLAUSIBLE * (common + other)


def _western(sample: bytes) -> bool:
    """Whether Windows-1252 makes it letters and usual marks, most of the time, and few in a row.

    Other alphabets are made letters, too, but whole words of them.
    """
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", sample)]
    if sum(length for length in runs if length > 3) > (1 - _PLAUSIBLE) * sum(runs):
        return False
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        return False
    usual = other = 0
    for letter, count in Counter(text).items():
        if letter < "\x80":
            continue
        if letter in _WESTERN_MARKS or unicodedata.category(letter) in ("Ll", "Lu"):
            usual += count
        else:
            other += count
    return usual >= _PLAUSIBLE * (usual + other)
