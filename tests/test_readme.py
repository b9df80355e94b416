"""README and the pages of docs name what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text()
    links = re.findall(r'\]\((?!http|#)([^)#]+)', text)
    for link in links:
        assert (page.parent / link).exists(), link
    headings = {
        re.sub(r'[^\w -]', '', line.lstrip('# ')).lower().replace(' ', '-')
        for line in text.splitlines()
        if line.startswith('#')
    }
    for anchor in re.findall(r'\]\(#([^)]+)\)', text):
        assert anchor in headings, anchor


def test_readme_is_short():
    assert len(PAGES[0].read_text().splitlines()) <= 200


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_tools_and_configs_exist(page):
    text = page.read_text()
    for name in re.findall(
        r'(?<![\w/])(?:tools|configs|examples)/[\w/.-]+\.(?:py|sh)', text
    ):
        assert (ROOT / name).is_file(), name
