"""All figures on one page that needs no other file."""
import base64
import html
import os.path as osp
from typing import List

from .result import Result

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; margin: 0 auto;
       padding: 1rem; max-width: 62rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
nav a { margin-right: 1rem; } a { color: #0072B2; }
figure { margin: 0; overflow-x: auto; } img { max-width: 100%; height: auto; }
figcaption, .skipped { color: #555; font-size: 0.9rem; }
table { border-collapse: collapse; font-size: 0.85rem; }
td, th { padding: 0.2rem 0.7rem; text-align: right;
         border-bottom: 1px solid #ddd; }
@media print { nav { display: none; } figure { break-inside: avoid; } }
"""
TABLES = ('layers', )  # results whose rows stand below the picture


def encode_picture(path: str) -> str:
    """A PNG as the address of itself."""
    with open(path, 'rb') as file:
        data = base64.b64encode(file.read()).decode()
    return f'data:image/png;base64,{data}'


def format_rows(rows: List[dict]) -> str:
    """A table of numbers; what is not known is a dash."""

    def cell(value) -> str:
        text = '-' if value is None else (
            f'{value:.1f}' if isinstance(value, float) else str(value))
        return f'<td>{html.escape(text)}</td>'

    head = ''.join(f'<th>{html.escape(key)}</th>' for key in rows[0])
    body = ''.join(
        f'<tr>{"".join(map(cell, row.values()))}</tr>' for row in rows)
    return f'<table><tr>{head}</tr>{body}</table>'


def format_section(result: Result, folder: str) -> str:
    """Picture, caption and, of some, numbers of a result."""
    title, caption = html.escape(result.title), html.escape(result.caption)
    picture = encode_picture(osp.join(folder, f'{result.name}.png'))
    table = ''
    if result.name in TABLES and result.rows:
        table = format_rows(result.rows)
    return (f'<h2 id="{result.name}">{title}</h2>\n'
            f'<figure><img alt="{title}" src="{picture}">\n'
            f'<figcaption>{caption}</figcaption></figure>\n{table}')


def write_report(results: List[Result], skipped: List[str], title: str,
                 folder: str) -> str:
    """Write ``report.html`` beside the pictures of the results.

    Args:
        results (list[Result]): Already written to the folder.
        skipped (list[str]): What is not there, and why.
        title (str): Of the page.
        folder (str): Where to.

    Returns:
        str: The page.
    """
    links = ' '.join(f'<a href="#{result.name}">{result.name}</a>'
                     for result in results)
    parts = [
        '<!DOCTYPE html>', '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f'<title>{html.escape(title)}</title>',
        f'<style>{STYLE}</style></head><body>',
        f'<h1>{html.escape(title)}</h1>', f'<nav>{links}</nav>',
        *(format_section(result, folder) for result in results),
        *(f'<p class="skipped">{html.escape(text)}</p>' for text in skipped),
        '</body></html>'
    ]
    path = osp.join(folder, 'report.html')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('\n'.join(parts) + '\n')
    return path
