"""Personal data are refused: a plan needs none, and none should get into a run folder."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from promopilot.experiments.errors import DataError, Problem
from promopilot.experiments.importing.plain import letters_of
from promopilot.experiments.importing.raw import RawExport

_MEND: Final = "leave the column out of the export: a plan needs no personal data"
_WORDS: Final = "if it is an ad's words, say `text: [COLUMN]` in a mapping"
# Letters and digits of headers that hold persons' data: English, German, French, Spanish, Chinese.
# A bare "name" is none of them: campaigns have names.
_WHOSE: Final = (
    r"(customers?|clients?|users?|contacts?|recipients?|buyers?|leads?|billing|shipping|persons?"
    r"|members?|subscribers?|employees?|guests?|kunden|nutzer|empfanger|kontakt|mitarbeiter"
    r"|usuario|cliente|contacto|客户|用户|联系人|收件人|收货人|会员|员工)?"
)
_PERSONAL_HEADER: Final = re.compile(
    _WHOSE + r"(firstname|lastname|fullname|surname|familyname|givenname|middlename|maidenname"
    r"|vorname|nachname|familienname|vollernamen?|vorundnachname"
    r"|prenom|nomdefamille|nomcomplet|nometprenom|prenometnom"
    r"|nombrecompleto|nombreyapellidos?|apellidos?|primerapellido"
    r"|姓名|名字|姓氏|真实姓名"
    r"|emails?|emailaddress|mailaddress|emailadresse|adresseemail|adressemail|courriel"
    r"|correo|correoelectronico|direcciondecorreo|邮箱|电子邮箱|电子邮件|邮件地址"
    r"|phone|phonenumber|phoneno|telephone|telephonenumber|mobilenumber|mobilephone|cellphone"
    r"|tel|telno|telefon|telefonnr|telefonnummer|rufnummer|handynummer|mobilnummer"
    r"|numerodetelephone|ipaddress|ipadresse|adresseip|direccionip|ip地址"
    r"|telefono|numerodetelefono|movil|celular|电话|电话号码|手机|手机号|手机号码|联系电话"
    r"|streetaddress|postaladdress|birthdate|dateofbirth|geburtsdatum|datedenaissance"
    r"|fechadenacimiento|出生日期|身份证号?)"
    r"|(customer|client|user|contact|recipient|buyer|person|lead|member|subscriber|employee|guest)"
    r"s?name|contactperson|ansprechpartner(in)?|namedeskunden|nom(du)?client|nomdelutilisateur"
    r"|(kunden|be?nutzer|empfanger|kontakt|mitarbeiter)name|nombre(del)?cliente"
    r"|nombredelusuario|nombredeusuario|客户名称|客户名|用户名|联系人|收货人|收件人"
)
_HOST: Final = r"[^\s@.,;:<>()\"'/%]"  # letters of any script: müller@füße.de
_MAIL: Final = rf"[A-Za-z0-9._%+\-]+@(?:{_HOST}+\.)+[^\s@.,;:<>()\"'/%0-9]{{2,24}}"
# A telephone number in a text: with the sign for abroad, or behind a word that says so.
_CALLED: Final = (
    r"(?:^|[^\w+])[+＋][1-9][0-9]{0,2}[ .\-/]?(?:\(0?\))?(?:[ .\-/]?\(?[0-9]{1,5}\)?){2,6}"
    r"|(?:^|[^\w+])00[1-9][0-9]{0,2}[ .\-/](?:\(0?\))?(?:[ .\-/]?\(?[0-9]{1,5}\)?){2,6}"
    r"|(?:(?i:(?:^|[^a-z])(?:tel|telefon|telephone|telefono|fon|call))|电话|手机)"
    r"[.:：]* *\+?\(?[0-9][0-9 .\-/()]{5,18}[0-9]"
)
# A cell that is nothing but one: its groups are not those of a number, an id or a date.
_NUMBER_ONLY: Final = (
    r"^\s*(?:\(0?[0-9]{2,5}\)[ .\-/]?[0-9]{2,4}(?:[ .\-/][0-9]{2,5}){0,3}"  # (030) 1234-567
    r"|0[0-9]{1,4}(?:[ .\-/]+[0-9]{2,4}){2,4}"  # 06 12 34 56 78, 0171-123-4567
    r"|0[0-9]{2,4}[ /\-][0-9]{5,8}"  # 0171 1234567
    r"|[2-9][0-9]{2}[ .\-][0-9]{3}[ .\-][0-9]{4}"  # 555-123-4567
    r"|1[3-9][0-9][ \-][0-9]{4}[ \-][0-9]{4})\s*$"  # 138 1234 5678
)
_DIGITS: Final = range(9, 16)  # of a telephone number with its area; E.164 allows 15
# Ids may be written in groups, as Google's account numbers are: 576-909-9795.
_ID_HEADER: Final = re.compile(
    r".*(id|编号|nummer|number|kundennummer)|.*(customer|account|konto|compte|cuenta|账户|账号|帐户).*"
)
_DAY: Final = re.compile(
    r"(?<![0-9])(?:(?:19|20)[0-9]{2}[-/. ][0-9]{1,2}[-/. ][0-9]{1,2}"
    r"|[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ](?:19|20)[0-9]{2}|(?:19|20)[0-9]{6})(?![0-9])"
)


def refuse_personal(export: RawExport, advertising: Collection[str] = ()) -> None:
    """Refuses an export with persons' data.

    Columns are told by their headers (persons' names, addresses, telephone numbers), cells by
    their form: an e-mail address or a telephone number anywhere in a text. A bare row of digits is
    an id, not a number to call; a number in an ad's words is there to be called by everybody.

    Args:
        export: The file.
        advertising: Its columns with the words of ads.

    Raises:
        DataError: One problem per column; what was found is masked.
    """
    problems = []
    for name in export.cells.column_names:
        if _PERSONAL_HEADER.fullmatch(letters_of(name)):
            rule = "holds personal data by its name"
            problems.append(Problem(export.file, None, name, None, rule, _MEND))
        elif found := _first(export, name, name in advertising):
            problems.append(found)
    if problems:
        raise DataError(problems)


def _first(export: RawExport, name: str, advertising: bool) -> Problem | None:
    """The first cell of a column that looks like an address or a number, masked."""
    codes = pc.dictionary_encode(export.cells[name]).combine_chunks()
    found, mend = _mail(codes.dictionary), _MEND
    if found is None and not advertising:
        found, mend = _number(codes.dictionary, name), f"{_MEND}; {_WORDS}"
    if found is None:
        return None
    place, text, what = found
    row = int(export.rows[pc.index(codes.indices, place).as_py()])
    return Problem(export.file, row, name, masked(text), f"looks like {what}", mend)


_Found = tuple[int, str, str]  # place among the cells, what stands there, what it looks like


def _mail(cells: pa.StringArray) -> _Found | None:
    if not pc.any(pc.match_substring(cells, "@")).as_py():
        return None
    return next(((n, text, "an e-mail address") for n, text in _hits(cells, _MAIL)), None)


def _number(cells: pa.StringArray, name: str) -> _Found | None:
    patterns = [_CALLED] if _ID_HEADER.fullmatch(letters_of(name)) else [_CALLED, _NUMBER_ONLY]
    for pattern in patterns:
        for n, text in _hits(cells, pattern):
            if sum(letter.isdigit() for letter in text) in _DIGITS and not _DAY.search(text):
                return n, text, "a telephone number"
    return None


def _hits(cells: pa.StringArray, pattern: str) -> Iterator[tuple[int, str]]:
    """Where a pattern stands in distinct cells, those of the first rows first."""
    matches = pc.match_substring_regex(cells, pattern).to_numpy(zero_copy_only=False)
    for n in np.flatnonzero(matches).tolist():
        found = re.search(pattern, cells[n].as_py())
        if found is not None:  # None where the two engines differ on a letter
            yield n, found.group()


def masked(text: str) -> str:
    """An address or a number with all but its edges hidden: "j…@e….com", "+4…67"."""
    name, at, host = text.partition("@")
    if at:
        domain, _, country = host.rpartition(".")
        return f"{name[:1]}…@{domain[:1]}….{country}"
    digits = "".join(letter for letter in text if letter.isdigit() or letter == "+")
    return f"{digits[:2]}…{digits[-2:]}"
