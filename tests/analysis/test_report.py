"""The page of all figures: text is escaped, numbers are in a table."""

import re
from pathlib import Path

from poet_mm.analysis.report import write_report
from poet_mm.analysis.result import Result


def test_page(tmp_path):
    (tmp_path / 'layers.png').write_bytes(b'PNG')
    rows = [dict(layer=0, AP=1.25, APL=None), dict(layer=1, AP=20.0, APL=3.14)]
    result = Result('layers', 'A < B', '<b> & c', {}, print, rows)
    page = Path(write_report([result], ['no <i>'], '<u>', str(tmp_path)))
    text = page.read_text()
    for part in (
        'A &lt; B',
        '&lt;b&gt; &amp; c',
        'no &lt;i&gt;',
        '&lt;u&gt;',
        'src="data:image/png;base64,UE5H"',
        'href="#layers"',
    ):
        assert part in text
    cells = re.findall(r'<td[^>]*>\s*(\S+)\s*</td>', text)
    assert cells == ['0', '1.2', '-', '1', '20.0', '3.1']
