"""tools/demo.py: a photo is put into the page, and people are seen."""

import cv2
import demo
import numpy as np
import pytest
from browser import (
    CHROMIUM,
    GREY,
    PEOPLE,
    find_people,
    limbs_seen,
    needs_chromium,
)

from poet_mm.apis import POETInferencer


@pytest.fixture
def url(model_files):
    pytest.importorskip('gradio')
    inferencer = POETInferencer(*model_files, device='cpu')
    inferencer.visualizer.min_side = demo.MIN_SIDE
    page = demo.build_page(inferencer)
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True)
    yield url
    page.close()


@pytest.mark.slow
@needs_chromium
def test_people_are_seen_in_a_browser(url, tmp_path, monkeypatch):
    playwright = pytest.importorskip('playwright.sync_api')
    find_people(monkeypatch, PEOPLE)
    photo, shot = tmp_path / 'grey.png', tmp_path / 'shot.png'
    cv2.imwrite(str(photo), np.full((64, 64, 3), GREY, np.uint8))

    def screenshot(page):
        page.wait_for_load_state('networkidle')
        page.screenshot(path=shot)
        return cv2.imread(str(shot))

    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=['--no-sandbox']
        )
        page = browser.new_page(viewport=dict(width=1200, height=800))
        page.goto(url)
        page.set_input_files('input[type=file]', photo)
        page.get_by_text('People: 2. Scores: 1.00, 1.00.').wait_for()
        before = screenshot(page)
        assert limbs_seen(before, 7 * PEOPLE, 448) == [1, 1]
        page.get_by_label('Offsets').check()
        page.wait_for_timeout(1000)
        changed = np.abs(screenshot(page).astype(int) - before).max(-1) > 50
        assert changed[:, 456:].sum() > 300  # pixels of the drawn photo
        browser.close()
