"""Find people in images, folders, videos and camera pictures.

Source: MMPose's ``Pose2DInferencer``. The arguments, the generator of results
and the drawing are the same. Differences, for models without a detector:

- Images go through the network in batches.
- Predictions have a score, and those below ``score_thr`` are dropped.
- A broken image, or one on which the network fails, can be left out.
- A truncated video raises an error; MMPose accepts it silently.
- A video is closed properly if the user stops early; the format is ``.mp4``.
- Gray, 16-bit and BGRA arrays are converted.
- A camera needs no display.
- An image that is drawn is read only once.
- The progress bar shows the total.
- Visibility can be calibrated.
"""

import os
import os.path as osp
from contextlib import contextmanager
from typing import Callable, Iterable, Iterator, List, Optional, Sequence

import mmengine
import numpy as np
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.infer.infer import ModelType
from mmpose.apis.inferencers import Pose2DInferencer
from mmpose.structures import PoseDataSample
from rich.console import Console
from rich.progress import track
from torch import nn

from ..checkpoints.loading import check_weights
from ..checkpoints.publish import SCORE_THR, check_temperature, stored_score
from ..checkpoints.safe_config import check_config_of
from ..checkpoints.safe_load import safe_loading
from ..checkpoints.zoo import default_model, is_model, read_zoo
from ..errors import EveryImageFails, UserError, first_line, unreadable
from ..models.instances import calibrate as calibrate_visibility
from ..utils.config import find_config, read_config
from .fast_backbone import as_fast_backbone
from .inputs import ImageLike, as_bgr, data_infos, is_video, open_inputs
from .results import split_people
from .video import Video, VideoWriter

OnError = Optional[Callable[[UserError], None]]

KPT_THR = 0.3  # MMPose's default
# Failures before the first success; then model or device are the cause.
MAX_FAILURES = 3


class ErrorReporter:
    """Pass errors to a callback, or raise them if there is none.

    Args:
        on_error (callable, optional): Takes a :class:`UserError`.
    """

    def __init__(self, on_error: OnError) -> None:
        self.on_error = on_error
        self.num_failed = 0  # readable images that failed
        self.any_succeeded = False

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Report a UserError that is raised inside."""
        try:
            yield
        except UserError as error:
            if self.on_error is None:
                raise
            self.on_error(error)

    def report_failure(self, name: str, error: Exception) -> None:
        """Report a readable image on which something failed.

        Raises:
            EveryImageFails: The first images have all failed.
        """
        if self.on_error is None:
            raise error
        kind = type(error).__name__
        self.on_error(UserError(f'{name}: {kind}: {first_line(error)}'))
        self.num_failed += 1
        if self.num_failed == MAX_FAILURES and not self.any_succeeded:
            raise EveryImageFails(
                f'stopped, as the first {MAX_FAILURES} images all '
                'failed: check model, weights and device'
            ) from error


# Workaround (mmpose<=1.3.2): `Pose2DInferencer` lacks what is listed above
# for models without a detector.
# Private API (mmengine 0.10.7, mmpose 1.3.2, checked): the underscored
# methods, which mmengine documents for its subclasses.
class POETInferencer(Pose2DInferencer):
    """Find people with a bottom-up model of any skeleton.

    Args:
        model (str | Config, optional): Config file, the name of one in
            ``configs/`` without its ``.py``, or a config. Without weights also
            a name of the zoo (``configs/zoo.yml``), whose weights are
            downloaded if need be. Defaults to None, the config in the
            checkpoint.
        weights (str, optional): Checkpoint, or name of the zoo. Defaults to
            None: those of the zoo, or random weights for a config. Without
            model and weights, it is the default model of the zoo.
        device (str, optional): Defaults to None, a GPU if there is one.
        show_progress (bool): Show a progress bar. Defaults to False.
        calibrate (bool): Apply the checkpoint's temperature to ``visibility``
            and so to ``keypoint_scores``. Defaults to False.

    Raises:
        UserError: With ``calibrate``, the checkpoint has no temperature.
    """

    preprocess_kwargs = set()
    forward_kwargs = set()
    visualize_kwargs = Pose2DInferencer.visualize_kwargs - {
        'draw_bbox',
        'draw_heatmap',
        'skeleton_style',
        'kpt_thr',
    }
    postprocess_kwargs = {'pred_out_dir'}

    def __init__(
        self,
        model: Optional[ModelType] = None,
        weights: Optional[str] = None,
        device: Optional[str] = None,
        show_progress: bool = False,
        calibrate: bool = False,
    ) -> None:
        self.calibrate = calibrate
        self.temperature: Optional[float] = None
        self.score_thr = SCORE_THR  # unless the checkpoint has its own
        if weights is None and model is None:
            weights = default_model()
        elif weights is None and is_model(model):
            model, weights = None, model
        if isinstance(model, (str, os.PathLike)):
            try:
                path = find_config(os.fspath(model))
            except UserError as error:
                names = ', '.join(read_zoo())
                raise UserError(f'{error} The zoo has {names}.') from error
            model = read_config(path)
        super().__init__(model, weights, device, show_progress=show_progress)
        self.visualizer.score_thr = 0.0  # __call__ drops the low scores
        self.default_draw = self.visualizer.draw
        self.default_sizes = dict(
            radius=self.visualizer.radius, thickness=self.visualizer.line_width
        )

    def _init_model(
        self, cfg: Config, weights: Optional[str], *args, **kwargs
    ) -> nn.Module:
        """Load the model, and make its backbone faster."""
        with safe_loading() as trusted:
            if not cfg and not trusted:
                check_config_of(weights)
            self.weights = weights  # file name for messages
            model = super()._init_model(cfg, weights, *args, **kwargs)
        model.backbone = as_fast_backbone(model.backbone)
        return model

    def _load_weights_to_model(
        self, model: nn.Module, checkpoint: Optional[dict], cfg
    ) -> None:
        """Load weights as MMPose does, after a check that they fit."""
        if checkpoint is not None:
            check_weights(
                model, checkpoint.get('state_dict', checkpoint), self.weights
            )
        super()._load_weights_to_model(model, checkpoint, cfg)
        meta = (checkpoint or {}).get('meta') or {}
        self.score_thr = stored_score(checkpoint or {})
        if self.calibrate:
            self.temperature = self._read_temperature(meta)

    def _read_temperature(self, meta: dict) -> float:
        """Return the temperature that the meta of a checkpoint stores."""
        temperature = meta.get('visibility_temperature')
        if temperature is None:
            raise UserError(
                f'weights={self.weights} has no visibility temperature. Leave '
                'out calibrate, or fit one with tools/analyze.py visibility '
                'and store it with tools/publish_model.py '
                '--visibility-temperature.'
            )
        return check_temperature(temperature)

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
        """Return `pseudo_collate`; mmengine's lookup would print a warning."""
        return pseudo_collate

    def _init_visualizer(self, cfg: Config):
        """Build the visualizer, a ``POETVisualizer`` whatever the config has.

        It loses its name, because a Runner may have one of the same name.
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
        on_error: OnError = None,
        score_thr: Optional[float] = None,
        draw: Optional[Sequence[str]] = None,
        kpt_thr: Optional[float] = None,
        **kwargs,
    ) -> Iterator[dict]:
        """Yield the people of each batch.

        Args:
            inputs: An image (file, or array in BGR, gray or BGRA), a folder
                or glob of images, a video, 'webcam' or 'webcam:N', or a list
                or generator of image files and arrays.
            return_datasamples (bool): Return ``PoseDataSample`` s instead of
                dicts. Defaults to False.
            batch_size (int): Images per pass through the network, padded to
                the largest of them. The head does not see the padding, but
                convolutions of the backbone do, at the edge of an image.
                Defaults to 1.
            out_dir (str, optional): Same as ``vis_out_dir=OUT/visualizations,
                pred_out_dir=OUT/predictions``.
            on_error (callable, optional): Called with a :class:`UserError`
                for every image that cannot be read, prepared or drawn, or on
                which the network fails; the image is left out. Also called
                for a truncated video, after its last frame. Defaults to None:
                the error is raised.
            score_thr (float): Drop people with scores up to this value; 0
                keeps all queries. Defaults to None: that of the checkpoint,
                see ``tools/publish_model.py``, else 0.5.
            draw (sequence[str], optional): Parts to draw: 'skeleton',
                'centers', 'offsets', 'visibility'. Defaults to None, those of
                the :class:`POETVisualizer` in the config.
            kpt_thr (float, optional): Keypoints with lower
                ``keypoint_scores`` are not drawn. Defaults to None: 0.3, or 0
                where visibility is drawn, because hidden keypoints have low
                scores.
            **kwargs: As in MMPose: ``return_vis``, ``show``, ``wait_time``
                (in seconds), ``radius``, ``thickness``, ``black_background``,
                ``vis_out_dir`` and ``pred_out_dir``.

        Yields:
            dict: Results of a batch. ``predictions`` has a list of people per
            image, see :func:`split_people`. ``visualization`` has, with
            ``return_vis``, a picture (h, w, 3), RGB, per image.

        Raises:
            EveryImageFails: With ``on_error``, if each of the first three
                readable images has failed.
        """
        if out_dir is not None:
            kwargs.setdefault('vis_out_dir', f'{out_dir}/visualizations')
            kwargs.setdefault('pred_out_dir', f'{out_dir}/predictions')
        self.visualizer.draw = draw or self.default_draw
        if score_thr is None:
            score_thr = self.score_thr
        if kpt_thr is None:
            kpt_thr = 0.0 if 'visibility' in self.visualizer.draw else KPT_THR
        _, _, drawing, saving = self._dispatch_kwargs(**kwargs)
        drawing = {**self.default_sizes, **drawing, 'kpt_thr': kpt_thr}
        errors = ErrorReporter(on_error)
        images = open_inputs(inputs)
        self._begin_video(images, drawing.get('vis_out_dir'))
        total = getattr(images, 'num_frames', None)  # of a Video
        if isinstance(images, Sequence):
            total = len(images)
        batches = track(
            self._get_chunk_data(self._load(images, errors), batch_size),
            description='Inference',
            total=total and -(-total // batch_size),
            console=Console(stderr=True),
            disable=not self.show_progress,
        )
        try:
            for batch in batches:
                pairs = list(self._infer(batch, score_thr, drawing, errors))
                if pairs:
                    samples, drawn = map(list, zip(*pairs))
                    yield self.postprocess(
                        samples,
                        drawn if drawing.get('return_vis') else None,
                        return_datasamples,
                        **saving,
                    )
            if self._video_input:
                with errors.reporting():
                    images.check_end()
        finally:  # also if the user stops early
            batches.close()  # ends the progress bar
            if self._video_input:
                self._finalize_video_processing(saving.get('pred_out_dir', ''))

    def _infer(
        self,
        batch: List[tuple],
        score_thr: float,
        drawing: dict,
        errors: ErrorReporter,
    ) -> Iterator[tuple]:
        """Yield the samples of a batch with people, and their pictures.

        If the network fails on a batch, its images are tried one by one, so
        that one image does not cost the others.
        """
        data, originals = zip(*batch)
        try:
            samples = self.forward(
                self.collate_fn(list(data)), bbox_thr=score_thr
            )
        except Exception as error:
            if len(batch) > 1 and errors.on_error is not None:
                for image in batch:
                    yield from self._infer([image], score_thr, drawing, errors)
            else:
                info = data[0]['data_samples'].metainfo
                errors.report_failure(self._name_of(info), error)
            return
        names = self.model.dataset_meta.get('keypoint_id2name', {})
        for sample, original in zip(samples, originals):
            if self.temperature is not None:
                calibrate_visibility(sample.pred_instances, self.temperature)
            sample.set_metainfo(dict(keypoint_names=list(names.values())))
            try:
                drawn = self.visualize([original], [sample], **drawing)
            except OSError:  # a fault of the disk, not of the image
                raise
            except Exception as error:
                errors.report_failure(self._name_of(sample.metainfo), error)
            else:
                errors.any_succeeded = True
                yield sample, drawn[0] if drawn else None

    def _name_of(self, info: dict) -> str:
        """Return the name of an image or frame in messages."""
        if self._video_input:
            return f'{self.video_info["source"]}: frame {info["img_id"]}'
        return info['img_path']

    def _begin_video(
        self, images: Iterable[ImageLike], vis_out_dir: Optional[str]
    ) -> None:
        """Set the attributes that MMPose's methods read for a video."""
        self._video_input = isinstance(images, Video)
        if not self._video_input:
            return
        name = f'{images.stem}.mp4'  # MMPose names the JSON file like it
        self.video_info = dict(
            name=name, source=images.name, writer=None, predictions=[]
        )
        if vis_out_dir:
            path = osp.join(vis_out_dir, name)
            self.video_info['output_file'] = path
            self.video_info['writer'] = VideoWriter(path, images.fps)

    def _load(
        self, images: Iterable[ImageLike], errors: ErrorReporter
    ) -> Iterator[tuple]:
        """Yield the prepared sample and the picture of each readable image.

        The picture (h, w, 3), BGR, is that of the pipeline's first transform.
        """
        for info in data_infos(images):
            data = None
            with errors.reporting():
                data = self._load_one(info)
            if data is None:
                continue
            picture = data['img']
            try:
                for transform in self.pipeline.transforms[1:]:
                    data = transform(data)
            except Exception as error:
                errors.report_failure(self._name_of(info), error)
            else:
                yield data, picture

    def _load_one(self, info: dict) -> dict:
        """Return the output of the pipeline's first transform.

        Args:
            info (dict): From :func:`data_infos`.

        Raises:
            UserError: The image cannot be read.
        """
        if 'img' in info:
            info['img'] = as_bgr(info['img'], self._name_of(info))
        elif is_video(info['img_path']):
            raise UserError(
                f'{info["img_path"]}: a video, and the others are '
                'images; give videos one by one'
            )
        try:
            return self.pipeline.transforms[0](
                {**info, **self.model.dataset_meta}
            )
        except Exception as error:
            raise unreadable(self._name_of(info), error) from error

    def postprocess(
        self,
        preds: List[PoseDataSample],
        visualization: Optional[List[np.ndarray]],
        return_datasamples: bool = False,
        pred_out_dir: str = '',
    ) -> dict:
        """Pack the results of a batch, and write them to ``pred_out_dir``."""
        people = [split_people(sample.pred_instances) for sample in preds]
        if pred_out_dir:
            for sample, found in zip(preds, people):
                if self._video_input:  # MMPose writes all frames at the end
                    frames = self.video_info['predictions']
                    # A failed frame gets an empty list, so list position =
                    # frame id.
                    frames += [[]] * (sample.img_id - len(frames)) + [found]
                else:
                    stem = osp.splitext(osp.basename(sample.img_path))[0]
                    path = osp.join(pred_out_dir, f'{stem}.json')
                    mmengine.dump(found, path, indent='  ')
        return dict(
            visualization=visualization,
            predictions=preds if return_datasamples else people,
        )


def load_inferencer(
    config: Optional[str],
    weights: str,
    device: Optional[str] = None,
    trust_pickle: bool = False,
    calibrate: bool = False,
) -> POETInferencer:
    """Load a checkpoint for a tool.

    Raises:
        UserError: The device or the checkpoint cannot be used.
    """
    try:
        with safe_loading(trust_pickle):
            return POETInferencer(config, weights, device, calibrate=calibrate)
    except UserError:
        raise
    except Exception as error:  # torch raises many kinds for a broken file
        raise UserError(
            f'{weights} cannot be loaded on {device or "the default device"}: '
            f'{first_line(error)}'
        ) from error
