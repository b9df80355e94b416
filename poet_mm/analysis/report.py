"""Write all figures on one page that needs no other file."""

import base64
import os.path as osp
from typing import List

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from tabulate import tabulate

from .result import Result


def write_report(
    results: List[Result], skipped: List[str], title: str, folder: str
) -> str:
    """Write ``report.html``, which contains the pictures of the results.

    Args:
        results (list[Result]): Already written to the folder.
        skipped (list[str]): Missing figures, and why they are missing.
        title (str): Title of the page.
        folder (str): Folder to write to.

    Returns:
        str: Path of the page.
    """

    def encode_picture(result: Result) -> str:
        with open(osp.join(folder, f'{result.name}.png'), 'rb') as file:
            data = base64.b64encode(file.read()).decode()
        return f'data:image/png;base64,{data}'

    def format_rows(result: Result, style: str) -> Markup:
        return Markup(
            tabulate(
                result.rows, 'keys', 'html', floatfmt=style, missingval='-'
            )
        )

    pages = Environment(
        loader=FileSystemLoader(osp.dirname(__file__)), autoescape=True
    )
    pages.filters.update(picture=encode_picture, table=format_rows)
    path = osp.join(folder, 'report.html')
    pages.get_template('report.html').stream(
        results=results, skipped=skipped, title=title
    ).dump(path, encoding='utf-8')
    return path
