"""Descriptions become HTML, and nothing that acts."""

import re
import time

import pytest

from dockyard.server.web.prose import prose


def test_markdown_becomes_headings_lists_code_and_tables() -> None:
    text = "# Shop\n\nServes **it** on `8080`.\n\n- one\n\n```sh\ndocker run <x>\n```\n\n|a|b|\n|-|-:|\n|1|2|\n"
    found = prose(text)
    assert "<h2>Shop</h2>" in found
    for each in ("<strong>it</strong>", "<code>8080</code>", "<li>one</li>", "<code>docker run &lt;x&gt;\n</code>"):
        assert each in found
    assert '<td>1</td>\n<td class="right">2</td>' in found


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<div onclick=alert(1)>\n\nx\n\n</div>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRipt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html,<script>)",
        "<javascript:alert(1)>",
        "[x](/logout)",
        "[x](//evil.example)",
        "![x](data:image/svg+xml,x)",
        '[x](https://a/"onmouseover=alert(1))',
        "[x](https://a \"onmouseover='alert(1)'\")",
        '```"><script>\nx\n```',
        '|a|\n|:-:|\n|<b style="x">|',
        '![" onload="x](https://a/b.png)',
    ],
)
def test_nothing_in_a_description_acts_or_leads_elsewhere_than_it_says(text: str) -> None:
    tags = re.findall(r"<[^>]*>", prose(text))
    allowed = r"</?(p|h[2-6]|pre|code|table|thead|tbody|tr|th|td)>"
    link = r'<a href="https://a[^"<>]*" rel="nofollow noopener noreferrer">|</a>'
    assert all(re.fullmatch(f"{allowed}|{link}", each) for each in tags), tags


def test_pictures_are_links_so_that_no_other_site_sees_who_reads() -> None:
    assert '<a href="https://a/b.png" rel="nofollow noopener noreferrer">build</a>' in prose(
        "![build](https://a/b.png)"
    )
    badge = prose("[![build](https://a/b.png)](https://ci)")
    assert badge == '<p><a href="https://ci" rel="nofollow noopener noreferrer">build</a></p>\n'


@pytest.mark.parametrize("piece", ["[", "![", "*a ", "> ", "[a](b", "- ", "**a*", "<", "&", "`a``", "|a", "\n  - x"])
def test_what_is_made_to_be_slow_is_not(piece: str) -> None:
    text = (piece * 10_000)[:10_000]
    began = time.process_time()
    assert len(prose(text)) < 100_000
    assert time.process_time() - began < 2  # a tenth of that is usual
