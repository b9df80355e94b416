"""A folder of what inference gives: pictures, videos, COCO JSON, gallery."""

import json
import os
import os.path as osp
from typing import List, Optional, Set

import numpy as np
from mmpose.structures import PoseDataSample

from ..errors import UserError
from ..visualization.gallery import (
    Entry,
    encode_jpeg,
    make_thumbnail,
    write_gallery,
)
from .results import to_coco
from .video import Video, VideoWriter


class ResultFolder:
    """Write results as they come, and what is about all of them at the end.

    ``pictures/NAME.jpg``, ``videos/NAME.mp4``, ``people.json`` and
    ``videos/NAME.json`` (COCO's results; the image of a video is the number
    of the frame, from 0), ``gallery.html``. Names that come twice get a
    number.

    Args:
        folder (str): Made if it is not there.
        title (str): Heading of the gallery.
        save_json (bool): Write the JSON files. Defaults to False.
    """

    def __init__(
        self, folder: str, title: str, save_json: bool = False
    ) -> None:
        self.folder = folder
        self.title = title
        self.save_json = save_json
        self.entries: List[Entry] = []
        self.failures: List[str] = []
        self.people: List[dict] = []
        self.num_pictures = 0  # and frames
        self.num_people = 0  # in all of them
        self._names: Set[str] = set()
        os.makedirs(folder, exist_ok=True)

    def add_picture(self, sample: PoseDataSample, drawn: np.ndarray) -> None:
        """Write the picture (h, w, 3), RGB, of an image; a UserError says why
        it cannot be one.
        """
        name = self._new_name('pictures', sample.img_path, '.jpg')
        try:
            self._write_picture(name, drawn)
        except UserError as error:
            raise UserError(f'{sample.img_path}: {error}') from error
        scores = sample.pred_instances.bbox_scores
        self.entries.append(
            Entry(
                sample.img_path, name, make_thumbnail(drawn[..., ::-1]), scores
            )
        )
        self.count(scores)
        if self.save_json:
            self.people.extend(to_coco(sample))

    def count(self, scores: np.ndarray) -> None:
        """Count a picture or frame and the people in it."""
        self.num_pictures += 1
        self.num_people += len(scores)

    def add_video(self, video: Video, fps: float) -> 'VideoResult':
        """Begin a video, whose frames are added one by one."""
        name = self._new_name('videos', f'{video.stem}.', '.mp4')
        return VideoResult(self, video, name, fps)

    def close(self) -> None:
        """Write what is about all results."""
        if self.save_json:
            self._write_json('people.json', self.people)
        write_gallery(
            osp.join(self.folder, 'gallery.html'),
            self.entries,
            self.title,
            self.failures,
        )

    def _new_name(self, folder: str, path: str, suffix: str) -> str:
        """Return a new name, relative to the folder of results."""
        os.makedirs(osp.join(self.folder, folder), exist_ok=True)
        stem = osp.splitext(osp.basename(path))[0]
        name, number = f'{folder}/{stem}{suffix}', 1
        while name.lower() in self._names:  # some file systems know no case
            number += 1
            name = f'{folder}/{stem}_{number}{suffix}'
        self._names.add(name.lower())
        return name

    def _write_picture(self, name: str, drawn: np.ndarray) -> None:
        code = encode_jpeg(drawn[..., ::-1], 92)
        # cv2.imwrite says nothing when a disk is full
        with open(osp.join(self.folder, name), 'wb') as file:
            file.write(code)

    def _write_json(self, name: str, people: List[dict]) -> None:
        with open(osp.join(self.folder, name), 'w') as file:
            json.dump(people, file)


class VideoResult:
    """Write one drawn video; begun by :meth:`ResultFolder.add_video`."""

    def __init__(
        self, results: ResultFolder, video: Video, name: str, fps: float
    ) -> None:
        self.results = results
        self.video = video
        self.name = name
        self.writer = VideoWriter(osp.join(results.folder, name), fps)
        self.people: List[dict] = []
        self._poster: Optional[np.ndarray] = None
        self._scores: np.ndarray = np.empty(0)

    def add_frame(self, sample: PoseDataSample, drawn: np.ndarray) -> None:
        """Append a drawn frame (h, w, 3), RGB."""
        self.writer.write(np.ascontiguousarray(drawn[..., ::-1]))
        scores = sample.pred_instances.bbox_scores
        if self._poster is None or len(scores) > len(self._scores):
            self._poster, self._scores = drawn.copy(), scores
        if self.results.save_json:
            self.people.extend(to_coco(sample))
        self.results.count(scores)

    def close(self) -> None:
        """Finish the file; its frame with the most people stands for it."""
        self.writer.release()
        if self._poster is None:
            return
        results = self.results
        stem = osp.splitext(self.name)[0]
        poster = f'{stem}.jpg'
        results._write_picture(poster, self._poster)
        if results.save_json:
            results._write_json(f'{stem}.json', self.people)
        results.entries.append(
            Entry(
                self.video.name,
                poster,
                make_thumbnail(self._poster[..., ::-1]),
                self._scores,
                self.name,
                f'the most in {self.writer.num_written} frames',
            )
        )
