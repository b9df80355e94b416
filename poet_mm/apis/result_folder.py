"""Write results to a folder: pictures, videos, JSON, CSV and a gallery."""

import os.path as osp
from typing import Iterable, List, Set, Tuple

import mmengine
import numpy as np
from mmengine.utils import mkdir_or_exist
from mmpose.structures import PoseDataSample

from ..errors import UserError
from ..visualization.gallery import (
    Entry,
    encode_jpeg,
    make_thumbnail,
    write_gallery,
)
from .handing_on import append_rows
from .results import to_coco
from .video import Video, VideoWriter

Result = Tuple[PoseDataSample, np.ndarray]  # people, drawn picture


class ResultFolder:
    """Write each result at once, and the files about all results at the end.

    The files are ``pictures/NAME.jpg``, ``videos/NAME.mp4``, ``people.json``
    and ``videos/NAME.json`` (COCO's results; the image id of a video is the
    number of the frame, from 0), ``people.csv`` and ``videos/NAME.csv`` (one
    row per keypoint, see :func:`to_dataframe`), and ``gallery.html``. Repeated
    names get a number.

    Args:
        folder (str): Created with the first result.
        title (str): Heading of the gallery.
        save_json (bool): Write the JSON files. Defaults to False.
        save_csv (bool): Write the CSV files. Defaults to False.
    """

    def __init__(
        self,
        folder: str,
        title: str,
        save_json: bool = False,
        save_csv: bool = False,
    ) -> None:
        self.folder = folder
        self.title = title
        self.save_json = save_json
        self.save_csv = save_csv
        self.entries: List[Entry] = []
        self.failures: List[str] = []
        self.people: List[dict] = []
        self.num_pictures = 0  # frames included
        self.num_people = 0  # in all of them
        self._names: Set[str] = set()
        self._tables: Set[str] = set()  # CSV files that have begun

    def add_picture(self, sample: PoseDataSample, drawn: np.ndarray) -> None:
        """Write the drawn picture (h, w, 3), RGB, of an image.

        Raises:
            UserError: A JPEG cannot have this size.
        """
        name = self._new_name('pictures', sample.img_path, '.jpg')
        try:
            self._write_picture(name, drawn)
        except UserError as error:
            raise UserError(f'{sample.img_path}: {error}') from error
        scores = sample.pred_instances.bbox_scores
        thumbnail = make_thumbnail(drawn[..., ::-1])
        self.entries.append(Entry(sample.img_path, name, thumbnail, scores))
        self._record(sample, self.people, 'people.csv')

    def add_video(
        self, video: Video, fps: float, results: Iterable[Result]
    ) -> None:
        """Write a drawn video, and a picture of the frame with most people.

        The files are finished also if the results end with an exception.

        Args:
            video (Video): The input, for its name.
            fps (float): Frames per second to write.
            results (iterable): Sample and drawn frame (h, w, 3), RGB, of each
                frame.
        """
        # `_new_name` removes what follows the last dot.
        name = self._new_name('videos', f'{video.stem}.', '.mp4')
        stem = osp.splitext(name)[0]
        writer = VideoWriter(osp.join(self.folder, name), fps)
        people: List[dict] = []
        best = None  # scores and picture
        try:
            for sample, drawn in results:
                writer.write(np.ascontiguousarray(drawn[..., ::-1]))
                scores = sample.pred_instances.bbox_scores
                if best is None or len(scores) > len(best[0]):
                    best = scores, drawn.copy()
                self._record(sample, people, f'{stem}.csv')
        finally:
            writer.release()
            if best is not None:
                scores, drawn = best
                self._write_picture(f'{stem}.jpg', drawn)
                if self.save_json:
                    mmengine.dump(
                        people, osp.join(self.folder, f'{stem}.json')
                    )
                self.entries.append(
                    Entry(
                        video.name,
                        f'{stem}.jpg',
                        make_thumbnail(drawn[..., ::-1]),
                        scores,
                        name,
                        f'the most in {writer.num_written} frames',
                    )
                )

    def close(self) -> None:
        """Write the files about all results, if there is one."""
        if not self.entries:
            return
        if self.save_json:
            mmengine.dump(self.people, osp.join(self.folder, 'people.json'))
        path = osp.join(self.folder, 'gallery.html')
        write_gallery(path, self.entries, self.title, self.failures)

    def _record(
        self, sample: PoseDataSample, people: List[dict], table: str
    ) -> None:
        """Count a picture and its people, append them to JSON list and CSV."""
        self.num_pictures += 1
        self.num_people += len(sample.pred_instances)
        if self.save_json:
            people += to_coco(sample)
        if self.save_csv:
            path = osp.join(self.folder, table)
            append_rows(path, sample, new=table not in self._tables)
            self._tables.add(table)

    def _new_name(self, subfolder: str, path: str, suffix: str) -> str:
        """Return an unused name, relative to the folder of results."""
        stem = osp.splitext(osp.basename(path))[0]
        name, number = f'{subfolder}/{stem}{suffix}', 1
        while name.lower() in self._names:  # for case-insensitive file systems
            number += 1
            name = f'{subfolder}/{stem}_{number}{suffix}'
        self._names.add(name.lower())
        return name

    def _write_picture(self, name: str, drawn: np.ndarray) -> None:
        """Write a JPEG; ``cv2.imwrite`` does not report a full disk."""
        code = encode_jpeg(drawn[..., ::-1], 92)
        path = osp.join(self.folder, name)
        mkdir_or_exist(osp.dirname(path))
        with open(path, 'wb') as file:
            file.write(code)
