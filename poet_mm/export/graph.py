"""Export POET for runtimes without poet_mm: ONNX and TorchScript.

The graph takes images as they are read from files and normalises them itself.
Its four outputs are named. Multiply x and y by the width and height of the
original image to get pixels. A graph that does not compute the same as the
model is refused, see ``parity.py``.

Letters: B images, Q queries, K keypoints.
"""

import inspect
import io
import json
import operator
import warnings
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

import numpy as np
import torch
from mmcv.cnn.bricks.conv2d_adaptive_padding import Conv2dAdaptivePadding
from mmengine.utils import digit_version
from torch import Tensor, nn

from ..errors import UserError
from ..models.heads.poet_head import POETHead
from ..models.layers.padding import Extents
from ..utils.config import walk
from ..utils.files import explain_write_errors, write_whole
from ..utils.packages import import_optional
from ..version import __version__
from .parity import (
    Size,
    last_poses,
    pad_images,
    random_images,
    require_parity,
    sizes_to_check,
)
from .runtimes import INPUTS, OUTPUTS, run_in_onnxruntime

if TYPE_CHECKING:
    from onnx import ModelProto

# torch 2.1 writes a wrong `ReduceLogSumExp` for opset 18. OpenVINO (2026.4)
# reads those of older opsets wrongly, see
# https://github.com/openvinotoolkit/openvino/issues/38238.
OPSET = 18 if digit_version(torch.__version__) >= digit_version('2.2') else 17
# scaled_dot_product_attention needs 14, grid_sample (keypoint sampling) 16
LOWEST_OPSET = 16
UNIT = 'x, y in [0, 1] of the image without its padding'


class TraceableConv(Conv2dAdaptivePadding):
    """Pad as TensorFlow's "same" does, with sizes that tracing keeps.

    The base class rounds sizes in Python, which makes them constants. Kernels
    must not be smaller than strides.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of (B, C, H, W)."""
        pads = []  # left, right, top, bottom
        for side in (1, 0):
            extent = self.dilation[side] * (self.kernel_size[side] - 1) + 1
            stride = self.stride[side]
            pad = extent - stride + (-x.shape[2 + side]) % stride
            pads += [pad // 2, pad - pad // 2]
        return self._conv_forward(
            nn.functional.pad(x, pads), self.weight, self.bias
        )


class POETGraph(nn.Module):
    """Compute the poses of the last decoder layer, from tensors only.

    Args:
        model (nn.Module): MMPose's ``BottomupPoseEstimator`` with a
            :class:`POETHead`. It is put into eval mode.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        if not isinstance(model.head, POETHead):
            raise UserError(
                'Only models with a POETHead can be exported; '
                f'this has a {type(model.head).__name__}.'
            )
        self.model = copy(model)  # the original keeps its backbone
        self.model.backbone = deepcopy(model.backbone)
        for module in self.model.backbone.modules():
            if isinstance(module, Conv2dAdaptivePadding) and all(
                map(operator.ge, module.kernel_size, module.stride)
            ):
                module.__class__ = TraceableConv
        self.eval()  # torch's exporter restores the mode that it finds

    def forward(
        self, images: Tensor, padding_mask: Optional[Tensor] = None
    ) -> Tuple[Tensor, ...]:
        """Return the poses of a batch.

        Args:
            images (Tensor): (B, H, W, 3), uint8, RGB.
            padding_mask (Tensor, optional): (B, H, W), bool, True at pixels
                right of and below an image; their colours do not matter.

        Returns:
            tuple[Tensor]: Scores, keypoints, visibility and centers, see
            :func:`last_poses`.
        """
        inputs = self._normalize(images)  # (B, 3, H, W)
        if padding_mask is not None:
            inputs = inputs.masked_fill(padding_mask[:, None], 0)
        feats = self.model.extract_feat(inputs)
        extents = None if padding_mask is None else _extents(padding_mask)
        return last_poses(self.model.head.predict_all(feats, extents).fields)

    def _normalize(self, images: Tensor) -> Tensor:
        """Convert (B, H, W, 3), uint8, RGB, to the network's (B, 3, H, W)."""
        mean, std = mean_and_std(self.model.data_preprocessor)
        inputs = (images.float() - mean) / std
        if not takes_rgb(self.model.data_preprocessor):
            inputs = inputs.flip(-1)
        return inputs.permute(0, 3, 1, 2)


def takes_rgb(preprocessor: nn.Module) -> bool:
    """Return whether the network takes RGB, not BGR as images are loaded."""
    # Private API (mmengine 0.10.7, checked): no public attribute says so.
    return preprocessor._channel_conversion


def mean_and_std(preprocessor: nn.Module) -> Tuple[Tensor, Tensor]:
    """Return mean and standard deviation (3, ) of red, green and blue."""
    if not hasattr(preprocessor, 'mean'):
        return torch.zeros(3), torch.ones(3)
    values = (preprocessor.mean.flatten(), preprocessor.std.flatten())
    if not takes_rgb(preprocessor):
        values = tuple(value.flip(0) for value in values)
    return values


def _extents(padding_mask: Tensor) -> Extents:
    """Return the un-padded sizes (B, 2) of a padding mask (B, H, W)."""
    sizes = torch.stack(
        [(~padding_mask[:, :, 0]).sum(1), (~padding_mask[:, 0]).sum(1)], -1
    )  # (B, 2)
    return Extents(sizes, padding_mask.shape[-2:])


def make_metadata(model: nn.Module) -> Dict[str, str]:
    """Return the metadata that a runtime needs, as strings.

    Lists and numbers are JSON.

    Args:
        model (nn.Module): From MMPose's ``init_model``, with ``cfg`` and
            ``dataset_meta``, which may have a ``score_thr``.
    """
    meta, preprocessor = model.dataset_meta, model.data_preprocessor
    mean, std = mean_and_std(preprocessor)
    names = meta['keypoint_id2name']
    values = dict(
        poet_mm=__version__,
        keypoint_names=[names[i] for i in range(len(names))],
        skeleton=[[int(i) for i in link] for link in meta['skeleton_links']],
        unit=UNIT,
        color='RGB',
        mean=mean.tolist(),  # for information: the graph contains both
        std=std.tolist(),
        size_divisor=preprocessor.pad_size_divisor,
        short_edge=0,  # 0: images are not resized
        max_size=None,
    )
    if 'score_thr' in meta:
        values['score_thr'] = meta['score_thr']
    for transform in walk(model.cfg.test_dataloader.dataset.pipeline):
        if transform.get('type') == 'ShortEdgeResize':
            values.update(
                short_edge=int(np.min(transform['short_edges'])),
                max_size=transform.get('max_size'),
            )
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
    }


def build_onnx(
    model: nn.Module,
    size: Size,
    padding_mask: bool = False,
    opset: Optional[int] = None,
) -> Tuple['ModelProto', float]:
    """Return an ONNX graph with dynamic batch size, height and width.

    Args:
        model (nn.Module): From MMPose's ``init_model``, on the CPU.
        size (tuple[int, int]): Height and width of the images to trace and to
            compare with. The graph takes any size.
        padding_mask (bool): Give the graph the second input. Defaults to
            False.
        opset (int, optional): Version of ONNX's operators. Defaults to
            :data:`OPSET`.

    Returns:
        tuple: The graph, fp32, and the largest difference from the model, see
        :func:`require_parity`.

    Raises:
        UserError: onnx or onnxruntime is missing, the opset is not possible,
            or the difference is too large.
    """
    onnx = import_optional('onnx')
    import_optional('onnxruntime')  # for the comparison, before a long export
    opset = OPSET if opset is None else opset
    if opset < LOWEST_OPSET:
        raise UserError(
            f'POET needs --opset {LOWEST_OPSET} or higher, not {opset}.'
        )
    names = INPUTS[: 1 + padding_mask]
    graph = onnx.load_from_string(_onnx_bytes(model, size, names, opset))
    for key, value in make_metadata(model).items():
        graph.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(graph)
    run = run_in_onnxruntime(graph)
    return graph, require_parity(model, run, size, padding_mask)


def write_onnx(graph: 'ModelProto', path: str) -> None:
    """Write a graph to a file.

    Raises:
        UserError: The file cannot be written.
    """
    with explain_write_errors(path):
        write_whole(graph.SerializeToString(), path)


def export_torchscript(
    model: nn.Module, path: str, size: Size, padding_mask: bool = False
) -> float:
    """Write a TorchScript file; return the largest difference from the model.

    See :func:`build_onnx` for arguments.
    """
    example = _example(model, size, padding_mask)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')  # see _onnx_bytes
        script = torch.jit.trace(POETGraph(model), example, check_trace=False)

    @torch.no_grad()
    def run(*arrays: np.ndarray) -> List[np.ndarray]:
        arrays = arrays[: len(example)]
        return [x.numpy() for x in script(*map(torch.from_numpy, arrays))]

    error = require_parity(model, run, size, padding_mask)
    file = io.BytesIO()
    torch.jit.save(script, file, _extra_files=make_metadata(model))
    with explain_write_errors(path):
        write_whole(file.getvalue(), path)
    return error


def _example(
    model: nn.Module, size: Size, padding_mask: bool
) -> Tuple[Tensor, ...]:
    """Return inputs to trace with; B is 2, because 1 would be a constant."""
    size = sizes_to_check(size, model.data_preprocessor.pad_size_divisor)[0]
    arrays = pad_images(random_images(size, 2, padding_mask))
    return tuple(torch.from_numpy(x) for x in arrays[: 1 + padding_mask])


def _onnx_bytes(
    model: nn.Module, size: Size, names: Tuple[str, ...], opset: int
) -> bytes:
    """Return the file that torch's exporter writes."""
    axes = {name: {0: 'batch', 1: 'height', 2: 'width'} for name in names}
    axes.update({name: {0: 'batch'} for name in OUTPUTS})
    # Workaround (torch>=2.9): the default exporter became a second one, which
    # needs declarations of how sizes depend on each other in the backbone.
    parameters = inspect.signature(torch.onnx.export).parameters
    options = dict(dynamo=False) if 'dynamo' in parameters else {}
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # the tracer warns of constant sizes; require_parity tests other sizes
        warnings.simplefilter('ignore')
        try:
            torch.onnx.export(
                POETGraph(model),
                _example(model, size, len(names) > 1),
                file,
                input_names=list(names),
                output_names=list(OUTPUTS),
                dynamic_axes=axes,
                opset_version=opset,
                **options,
            )
        except (ValueError, RuntimeError) as error:  # the latter, torch 2.14
            if 'opset' not in str(error):
                raise
            raise UserError(
                f'torch {torch.__version__} cannot export to '
                f'--opset {opset}: {error}'
            ) from error
    return file.getvalue()
