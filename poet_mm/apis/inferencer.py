"""Find people in images, folders, videos and camera pictures.

Source: MMPose's ``Pose2DInferencer``, whose arguments, generator of results
and drawing it keeps. Where that falls short for models without a detector, and
what is different here: it ignores ``batch_size``, images go in one by one;
it returns every query as a person, without a score; one broken image, or one
that the network cannot take, ends it; a video that is cut off looks whole;
an image is read twice if it is drawn; gray, 16-bit and BGRA arrays fail;
a camera needs a screen; a video is left broken if its user stops early, and
loses its frames if it is a .webm; the progress bar knows no total.
"""

import os
import os.path as osp
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Union

import mmengine
import numpy as np
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpose.apis.inferencers import Pose2DInferencer
from mmpose.structures import PoseDataSample
from rich.console import Console
from rich.progress import Progress
from torch import nn

from ..checkpoints.loading import fit_weights
from ..checkpoints.safe_config import check_config_of
from ..checkpoints.safe_load import safe_loading
from ..errors import EveryImageFails, UserError, first_line, unreadable
from ..utils.config import find_config
from .fast_backbone import as_fast_backbone
from .inputs import ImageLike, as_bgr, data_infos, is_video, open_inputs
from .results import split_people
from .video import Video, VideoWriter

KPT_THR = 0.3  # MMPose's
FAILURES = 3  # if the first ones all fail, it is not the images

OnError = Optional[Callable[[UserError], None]]


@contextmanager
def reporting(on_error: OnError) -> Iterator[None]:
    """Pass a UserError to ``on_error``, or raise it if that is None."""
    try:
        yield
    except UserError as error:
        if on_error is None:
            raise
        on_error(error)


@dataclass
class Failures:
    """Count images that fail after they have been read, and tell of each."""

    on_error: OnError
    count: int = 0
    some_went_well: bool = False

    def add(self, path: str, error: Exception) -> None:
        """Tell of an image, or give up; see ``FAILURES``."""
        if self.on_error is None:
            raise error
        said = f'{type(error).__name__}: {first_line(error)}'
        self.count += 1
        self.on_error(UserError(f'{path}: {said}'))
        if self.count == FAILURES and not self.some_went_well:
            raise EveryImageFails(
                f'stopped, as the first {FAILURES} images all failed: it '
                'seems to be model, weights or device'
            ) from error


# Workaround (mmpose<=1.3.2): what `Pose2DInferencer` lacks for models without
# a detector is listed above.
class POETInferencer(Pose2DInferencer):
    """Run a bottom-up model of any skeleton once over many images.

    Args:
        model (str | Config, optional): Config file, the name of one in
            ``configs/`` without its ``.py``, or a config. None takes the one
            in the checkpoint.
        weights (str, optional): Checkpoint; None leaves weights random.
        device (str, optional): Defaults to None, a GPU if there is one.
        show_progress (bool): Show a progress bar. Defaults to False.
    """

    preprocess_kwargs = {'on_error'}
    forward_kwargs = {'score_thr'}
    visualize_kwargs = {
        'return_vis',
        'show',
        'wait_time',
        'draw',
        'radius',
        'thickness',
        'kpt_thr',
        'vis_out_dir',
        'black_background',
    }
    postprocess_kwargs = {'pred_out_dir'}

    def __init__(
        self,
        model: Union[str, Config, None] = None,
        weights: Optional[str] = None,
        device: Optional[str] = None,
        show_progress: bool = False,
    ) -> None:
        if isinstance(model, (str, os.PathLike)):
            model = find_config(os.fspath(model))
        super().__init__(model, weights, device, show_progress=show_progress)
        self.visualizer.score_thr = 0.0  # forward() has decided who is there

    def _init_model(
        self, cfg: Config, weights: Optional[str], *args, **kwargs
    ) -> nn.Module:
        """Load the model, and make its backbone one for inference."""
        with safe_loading() as trusted:
            if not cfg and not trusted:
                check_config_of(weights)
            self.weights = weights  # their name, for messages
            model = super()._init_model(cfg, weights, *args, **kwargs)
        model.backbone = as_fast_backbone(model.backbone)
        return model

    def _load_weights_to_model(
        self, model: nn.Module, checkpoint: Optional[dict], cfg
    ) -> None:
        """Load weights as MMPose does, but only those that fit the model."""
        if checkpoint is not None:
            fit_weights(
                model, checkpoint.get('state_dict', checkpoint), self.weights
            )
        super()._load_weights_to_model(model, checkpoint, cfg)

    def _init_pipeline(self, cfg: Config) -> Callable:
        """Build the test pipeline of a model that needs no detector."""
        if cfg.get('data_mode') != 'bottomup':
            raise UserError(
                f'The config has data_mode={cfg.get("data_mode")!r}; '
                "POETInferencer takes models with data_mode='bottomup', "
                "MMPose's MMPoseInferencer those that need a detector."
            )
        return super()._init_pipeline(cfg)

    def _init_collate(self, cfg: Config) -> Callable:
        """Collate as mmengine does, less its warning where none is set."""
        if 'collate_fn' in cfg.test_dataloader:
            return super()._init_collate(cfg)
        return pseudo_collate

    def _init_visualizer(self, cfg: Config):
        """Build the config's visualizer, or ours if it cannot draw what POET
        predicts; nameless, as a Runner may have one under that name.
        """
        if cfg.get('visualizer', {}).get('type') != 'POETVisualizer':
            cfg.visualizer = dict(type='POETVisualizer')
        cfg.visualizer.pop('name', None)
        return super()._init_visualizer(cfg)

    def __call__(
        self,
        inputs,
        return_datasamples: bool = False,
        batch_size: int = 1,
        out_dir: Optional[str] = None,
        **kwargs,
    ) -> Iterator[dict]:
        """Find people; a generator, so nothing happens until it is used.

        Args:
            inputs: An image (file, or array in BGR, gray or BGRA), a folder
                or glob of images, a video, 'webcam' or 'webcam:N', or a list
                or generator of image files and arrays.
            return_datasamples (bool): Give ``PoseDataSample`` s instead of
                dicts. Defaults to False.
            batch_size (int): Images of one pass through the network, padded
                to the largest of them: the head does not see the padding, but
                convolutions of the backbone do, at the edge of an image.
                Defaults to 1.
            out_dir (str, optional): Like ``vis_out_dir=OUT/visualizations,
                pred_out_dir=OUT/predictions``.
            on_error (callable, optional): Called with a :class:`UserError`
                for every image that cannot be read, go through the network or
                be drawn, which is then left out, and for a video that is cut
                off, after its last frame. Defaults to None: the error is
                raised.
            score_thr (float): People below are dropped; 0 keeps all
                queries. Defaults to 0.5.
            draw (sequence[str]): See :class:`POETVisualizer`, as are
                ``radius`` and ``thickness`` (there ``line_width``).
            kpt_thr (float, optional): Keypoints with lower
                ``keypoint_scores`` are not drawn. Defaults to None: 0.3, or 0
                where visibility is drawn, because hidden keypoints have low
                scores.
            return_vis, show, wait_time, vis_out_dir, pred_out_dir,
                black_background: As in MMPose.

        Yields:
            dict: Of each batch, ``predictions``, of each image the list of
            people that :func:`split_people` tells of, and ``visualization``,
            with ``return_vis`` a list of pictures (h, w, 3), RGB.

        Raises:
            EveryImageFails: With ``on_error``, if the network or the drawing
                has failed on each of the first three images.
        """
        if out_dir is not None:
            kwargs.setdefault('vis_out_dir', f'{out_dir}/visualizations')
            kwargs.setdefault('pred_out_dir', f'{out_dir}/predictions')
        before, during, drawing, after = self._dispatch_kwargs(**kwargs)
        images, total = open_inputs(inputs)
        self._begin_video(images, drawing.get('vis_out_dir'))
        bar = Progress(
            console=Console(stderr=True), disable=not self.show_progress
        )
        failures = Failures(before.get('on_error'))
        try:
            with bar:
                task = bar.add_task('Inference', total=total)
                for batch in self.preprocess(images, batch_size, **before):
                    pairs = list(self._see(batch, during, drawing, failures))
                    bar.advance(task, len(batch))
                    if pairs:
                        samples, drawn = map(list, zip(*pairs))
                        yield self.postprocess(
                            samples,
                            drawn if drawing.get('return_vis') else None,
                            return_datasamples,
                            **after,
                        )
            if self._video_input:
                with reporting(failures.on_error):
                    images.check_end()
        finally:  # also if whoever uses the generator stops early
            if self._video_input:
                self._finalize_video_processing(after.get('pred_out_dir', ''))

    def _see(
        self,
        batch: List[tuple],
        during: dict,
        drawing: dict,
        failures: Failures,
    ) -> Iterator[tuple]:
        """Yield samples with people and their pictures; a batch that fails is
        tried image by image, so that one does not cost the others.
        """
        data, originals = zip(*batch)
        try:
            samples = self.forward(self.collate_fn(list(data)), **during)
        except Exception as error:
            if len(batch) > 1 and failures.on_error is not None:
                for image in batch:
                    yield from self._see([image], during, drawing, failures)
            else:
                failures.add(self._name(data[0]['data_samples']), error)
            return
        for sample, original in zip(samples, originals):
            try:
                drawn = self.visualize([original], [sample], **drawing)
            except OSError:  # of the disk, not of the image
                raise
            except Exception as error:
                failures.add(self._name(sample), error)
            else:
                failures.some_went_well = True
                yield sample, drawn[0] if drawn else None

    def _name(self, sample: PoseDataSample) -> str:
        """Return what a sample shows, for messages."""
        if self._video_input:
            return f'{self.video_info["name"]}: frame {sample.img_id}'
        return sample.img_path

    def _begin_video(
        self, images: Iterable[ImageLike], vis_out_dir: Optional[str]
    ) -> None:
        """Set what MMPose's methods want to know of a video."""
        self._video_input = isinstance(images, Video)
        if not self._video_input:
            return
        writer = None
        if vis_out_dir:
            os.makedirs(vis_out_dir, exist_ok=True)
            writer = VideoWriter(
                osp.join(vis_out_dir, f'{images.stem}.mp4'), images.fps
            )
        self.video_info = dict(
            name=images.name,
            writer=writer,
            output_file=writer and writer.path,
            predictions=[],
        )

    def preprocess(
        self,
        inputs: Iterable[ImageLike],
        batch_size: int = 1,
        on_error: OnError = None,
    ) -> Iterator[List[tuple]]:
        """Load images and make batches.

        Yields:
            list[tuple[dict, np.ndarray]]: Of each image of a batch what
            :meth:`preprocess_single` gives.
        """
        return self._get_chunk_data(
            self._load_all(inputs, on_error), batch_size
        )

    def _load_all(
        self, inputs: Iterable[ImageLike], on_error: OnError
    ) -> Iterator[tuple]:
        for info in data_infos(inputs):
            with reporting(on_error):
                yield self.preprocess_single(info)

    def preprocess_single(self, info: dict) -> tuple:
        """Load and prepare one image.

        Args:
            info (dict): ``img_path``, ``img_id`` and perhaps ``img``.

        Returns:
            tuple[dict, np.ndarray]: What the pipeline makes of it, and the
            image as its first transform, ``LoadImage``, has loaded it.
        """
        load, *others = self.pipeline.transforms
        if 'img' in info:
            info['img'] = as_bgr(info['img'])
        elif is_video(info['img_path']):
            raise UserError(
                f'{info["img_path"]}: a video, and the others are '
                'images; give videos one by one'
            )
        data = {**info, **self.model.dataset_meta}
        try:
            data = load(data)
            original = data['img']
            for transform in others:
                data = transform(data)
        except Exception as error:
            raise unreadable(info['img_path'], error) from error
        return data, original

    def forward(
        self, inputs: dict, score_thr: float = 0.5
    ) -> List[PoseDataSample]:
        """Run the network, and drop people of a score below ``score_thr``."""
        return super().forward(inputs, bbox_thr=score_thr)

    def visualize(
        self,
        inputs: List[np.ndarray],
        preds: List[PoseDataSample],
        draw=None,
        kpt_thr: Optional[float] = None,
        radius: Optional[float] = None,
        thickness: Optional[float] = None,
        **kwargs,
    ) -> Optional[List[np.ndarray]]:
        """Draw the people of a batch, see :meth:`__call__`."""
        visualizer = self.visualizer
        usual = visualizer.draw, visualizer.radius, visualizer.line_width
        try:
            visualizer.draw = draw or usual[0]
            if kpt_thr is None:
                kpt_thr = 0.0 if 'visibility' in visualizer.draw else KPT_THR
            return super().visualize(
                inputs,
                preds,
                kpt_thr=kpt_thr,
                radius=radius or usual[1],
                thickness=thickness or usual[2],
                **kwargs,
            )
        finally:
            visualizer.draw, visualizer.radius, visualizer.line_width = usual

    def postprocess(
        self,
        preds: List[PoseDataSample],
        visualization: Optional[List[np.ndarray]],
        return_datasamples: bool = False,
        pred_out_dir: str = '',
    ) -> Dict[str, list]:
        """Pack the results of a batch, see :meth:`__call__`."""
        if return_datasamples and not pred_out_dir:
            return dict(visualization=visualization, predictions=preds)
        people = [split_people(sample.pred_instances) for sample in preds]
        if pred_out_dir and self._video_input:
            frames = self.video_info['predictions']
            for sample, found in zip(preds, people):
                # a frame that failed is empty, or the others would move up
                frames.extend([] for _ in range(sample.img_id - len(frames)))
                frames.append(found)
        elif pred_out_dir:
            for sample, found in zip(preds, people):
                stem = osp.splitext(osp.basename(sample.img_path))[0]
                mmengine.dump(
                    found, osp.join(pred_out_dir, f'{stem}.json'), indent='  '
                )
        return dict(
            visualization=visualization,
            predictions=preds if return_datasamples else people,
        )
