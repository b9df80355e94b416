"""One HTML page to leaf through pictures with people.

Thumbnails are inside of the page, pictures and videos lie beside it: hundreds
of pictures inside would make it hundreds of megabytes, which a browser reads
before it shows anything. The page needs no network and works from a file; the
folder as a whole may be moved.
"""
import base64
import html
import json
import re
from typing import List, NamedTuple, Sequence
from urllib.parse import quote

import cv2
import numpy as np

from ..errors import UserError
from .style import COLORS

THUMBNAIL = 160  # longest side in pixels


class Entry(NamedTuple):
    """One picture of the gallery.

    Attributes:
        name (str): What it shows, in a few words.
        picture (str): File, relative to the page.
        thumbnail (str): From :func:`make_thumbnail`.
        scores (sequence[float]): Of the people in it, drawn in the figures'
            colours in this order.
        video (str): File of the video that the picture is from, relative to
            the page; '' if it is from none.
        note (str): What else there is to say.
    """
    name: str
    picture: str
    thumbnail: str
    scores: Sequence[float]
    video: str = ''
    note: str = ''


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """The JPEG file of a picture (h, w, 3), BGR."""
    encoded, code = cv2.imencode('.jpg', image,
                                 [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        height, width = image.shape[:2]
        raise UserError(f'{width} x {height} pixels cannot be written as a '
                        'JPEG, which has at most 65500 on a side')
    return code.tobytes()


def make_thumbnail(image: np.ndarray) -> str:
    """A picture (h, w, 3), BGR, made small, as a ``data:`` address."""
    height, width = image.shape[:2]
    scale = min(1.0, THUMBNAIL / max(height, width))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    code = base64.b64encode(encode_jpeg(small, 75)).decode()
    return f'data:image/jpeg;base64,{code}'


def write_gallery(path: str,
                  entries: List[Entry],
                  title: str,
                  failures: Sequence[str] = ()) -> None:
    """Write the page.

    Args:
        path (str): File to write, ``.html``.
        entries (list[Entry]): Its pictures.
        title (str): Heading.
        failures (sequence[str]): What could not be shown, a line each.
    """
    rows = []
    for entry in entries:
        row = dict(entry._asdict(), picture=quote(entry.picture))
        row['video'] = quote(entry.video)
        row['scores'] = [round(float(score), 3) for score in entry.scores]
        rows.append(row)
    data = json.dumps(
        dict(entries=rows, failures=list(failures), colors=COLORS))
    # '<' would let a file name end the script
    places = dict(
        TITLE=html.escape(title), DATA=data.replace('<', '\\u003c'))
    page = re.sub('TITLE|DATA', lambda place: places[place[0]], PAGE)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(page)


PAGE = r"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TITLE</title>
<style>
* { box-sizing: border-box; }
:root { color-scheme: dark; }
body { margin: 0; height: 100vh; display: grid; overflow: hidden;
  grid: auto 1fr auto / 360px 1fr; background: #16181c; color: #e8e8e8;
  font: 15px/1.4 system-ui, sans-serif; }
header { grid-column: 1 / 3; display: flex; gap: 1em; align-items: center;
  padding: 8px 16px; background: #22252b; }
h1 { font-size: 16px; margin: 0; flex: 1; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
select, button { font: inherit; color: inherit; background: #343841;
  border: 1px solid #555; border-radius: 4px; padding: 2px 10px; }
#thumbs { grid-row: 2 / 4; overflow-y: auto; padding: 8px; display: grid;
  grid-template-columns: 1fr 1fr; gap: 6px; align-content: start; }
#thumbs button { padding: 0; position: relative; height: 120px;
  overflow: hidden; background: #0c0d0f; cursor: pointer; }
#thumbs img { width: 100%; height: 100%; object-fit: contain; }
#thumbs span { position: absolute; right: 4px; bottom: 4px; padding: 0 6px;
  background: #000c; border-radius: 8px; font-size: 13px; }
#thumbs [aria-current=true] { outline: 3px solid #56B4E9; }
main { min-height: 0; display: flex; align-items: center;
  justify-content: center; padding: 8px; }
main > * { width: 100%; height: 100%; object-fit: contain; }
footer { padding: 8px 16px; background: #22252b; }
footer b { margin-right: 1em; }
footer a { color: #56B4E9; margin-left: 1em; white-space: nowrap; }
.score { display: inline-block; margin: 0 8px 2px 0; padding-left: 6px;
  border-left: 10px solid; }
details { max-height: 30vh; overflow-y: auto; color: #f0b070; }
@media (max-width: 800px) {
  body { grid: auto 1fr auto 110px / 1fr; }
  header { grid-column: 1; flex-wrap: wrap; }
  #thumbs { grid-row: 4; grid-auto-flow: column; overflow: auto hidden;
    grid-template: 90px / none; grid-auto-columns: 110px; }
  #thumbs button { height: 90px; }
}
</style>
<header>
  <h1>TITLE</h1>
  <label>Order <select id="order">
    <option value="given">as given</option>
    <option value="many">most people first</option>
    <option value="unsure">least certain first</option>
  </select></label>
  <span id="place"></span>
  <button id="back" title="left arrow key">&larr;</button>
  <button id="next" title="right arrow key">&rarr;</button>
</header>
<nav id="thumbs" aria-label="pictures"></nav>
<main><img id="picture" alt="">
  <video id="film" controls loop preload="metadata"></video></main>
<footer>
  <div><b id="name"></b><span id="count"></span><span id="note"></span>
    <a id="video" target="_blank">open the video</a></div>
  <div id="scores"></div>
  <details id="failures"><summary></summary></details>
</footer>
<script type="application/json" id="data">DATA</script>
<script>
'use strict';
const {entries, failures, colors} =
  JSON.parse(document.getElementById('data').textContent);
const at = id => document.getElementById(id);
const add = (parent, tag, text = '') => {
  const node = parent.appendChild(document.createElement(tag));
  node.textContent = text;
  return node;
};
const people = n => n === 1 ? '1 person' : n + ' people';
entries.forEach((entry, i) => { entry.given = i; });
let shown = entries.slice();
let place = 0;

function show(i) {
  if (!shown.length) return;
  place = Math.max(0, Math.min(shown.length - 1, i));
  const entry = shown[place];
  at('picture').src = entry.picture;
  at('picture').alt = entry.name;
  showFilm(entry);
  at('name').textContent = entry.name;
  at('count').textContent = people(entry.scores.length);
  at('note').textContent = entry.note && ', ' + entry.note;
  at('video').hidden = !entry.video;
  at('video').href = entry.video;
  at('place').textContent = (place + 1) + ' / ' + shown.length;
  at('scores').replaceChildren();
  entry.scores.forEach((score, n) => {
    const chip = add(at('scores'), 'span', score.toFixed(2));
    chip.className = 'score';
    chip.style.borderColor = colors[n % colors.length];
  });
  [...at('thumbs').children].forEach((node, n) => {
    node.setAttribute('aria-current', n === place);
  });
  at('thumbs').children[place].scrollIntoView({block: 'nearest'});
  history.replaceState(null, '', '#' + (entry.given + 1));
  for (const n of [place + 1, place - 1]) {  // the next key shows it at once
    if (shown[n]) new Image().src = shown[n].picture;
  }
}

function showFilm(entry) {
  const film = at('film');
  film.hidden = !entry.video;
  at('picture').hidden = !film.hidden;
  film.poster = entry.video && entry.picture;
  if (entry.video) film.src = entry.video;
  else film.removeAttribute('src');  // or it plays on unseen
  film.load();
}

at('film').onerror = () => {  // a browser without its codec
  at('film').hidden = true;
  at('picture').hidden = false;
};

function order(how) {
  const keys = {given: e => e.given, many: e => -e.scores.length,
    unsure: e => Math.min(2, ...e.scores)};
  const current = shown[place];
  shown = entries.slice().sort((a, b) => keys[how](a) - keys[how](b));
  at('thumbs').replaceChildren();
  shown.forEach((entry, i) => {
    const button = add(at('thumbs'), 'button');
    button.title = entry.name;
    button.onclick = () => show(i);
    add(button, 'img').src = entry.thumbnail;
    add(button, 'span', (entry.video ? '\u25b6 ' : '') + entry.scores.length);
  });
  show(current ? shown.indexOf(current) : 0);
}

at('order').onchange = event => {
  order(event.target.value);
  show(0);
  event.target.blur();  // else the arrow keys change the order
};
at('back').onclick = () => show(place - 1);
at('next').onclick = () => show(place + 1);
document.onkeydown = event => {
  const steps = {ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0,
    End: shown.length - 1};
  if (event.key in steps && !event.altKey && event.target !== at('film')) {
    event.preventDefault();
    show(steps[event.key]);
  }
};
at('failures').hidden = !failures.length;
at('failures').firstElementChild.textContent =
  failures.length + ' could not be shown, or not to the end';
failures.forEach(line => add(at('failures'), 'div', line));
if (!entries.length) at('name').textContent = 'No pictures';
at('video').hidden = at('film').hidden = true;
place = (parseInt(location.hash.slice(1)) || 1) - 1;
order('given');
</script>
</html>
"""
