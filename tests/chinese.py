"""What a Chinese page still says in English."""

import re

from tests.report.test_report_page import Text, charts, strings


def english_left(html: str, *own: str) -> list[str]:
    """Texts of a page with two English words in a row.

    Args:
        html: The page, which says that it is Chinese.
        own: What users and files wrote, which stays as it is.
    """
    assert '<html lang="zh-Hans">' in html
    page = Text()
    page.feed(html)
    page.close()
    drawn = [text for chart in charts(html) for text in strings(chart)]
    found = []
    for text in (*page.parts, *drawn):
        bare = text
        for name in own:
            bare = bare.replace(name, "")
        if re.search(r"[A-Za-z]{3,} [a-z]{3,}", bare):
            found.append(text)
    return found
