"""POETHead: features -> transformer -> one pose per query.

Source: POET (arXiv 2103.12115), section 3; transformer as in DETR
(arXiv 2005.12872). Difference from the authors' release: the fields have names
instead of strided columns of one tensor.

Letters: B images, L decoder layers, Q queries, K keypoints, C person classes.
"""
from functools import partial
from typing import Callable, Dict, NamedTuple, Optional, Sequence, Tuple

import torch
from mmdet.models.layers import MLP, SinePositionalEncoding
from mmengine.model import ModuleList
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.utils.typing import (
    ConfigType,
    Features,
    InstanceList,
    OptConfigType,
    OptSampleList,
    SampleList,
)
from torch import Tensor, nn

from ..instances import to_instances
from ..layers.denoising import NoisedPeople, PoseDenoising, split_queries
from ..layers.joint_sampling import DetailLevels, DetailMaps
from ..layers.padding import Extents, image_extents
from ..layers.pose import (
    CenterEmbedding,
    PoseBranch,
    corrector,
    init_corrections,
    pose_fields,
)
from ..layers.precision import full_precision
from ..layers.proposals import EncoderProposals, Proposals
from ..layers.queries import (
    Queries,
    add_noised,
    learned_queries,
    proposed_queries,
)
from ..layers.transformer import POETDecoder, POETEncoder
from ..targets import stack_targets


class Predictions(NamedTuple):
    """``fields`` (L, B, Q, ...), see :meth:`POETHead.forward`, and in training
    those of noised people, if any; and what the encoder proposes, if it
    does."""
    fields: Dict[str, Tensor]
    noised: Optional[Dict[str, Tensor]]
    proposals: Optional[Proposals]


# Workaround (mmpose<=1.3.2): `TransformerHead` reads `default_init_cfg`, which
# nothing defines, and calls the transformer's decoder what `BaseHead` calls
# the codec; this is a `BaseHead`.
@MODELS.register_module()
class POETHead(BaseHead):
    """Pose estimation transformer on one feature level of any backbone.

    Args:
        in_channels (int): Channels of the feature level.
        num_keypoints (int): K, joints of the data set's skeleton.
        num_queries (int): Q, the most people an image can get.
            Defaults to 25.
        num_classes (int): C, person classes without "nobody": 1, or 2 with
            ``POETCodec(empty_class=True)``. Defaults to 1.
        feat_index (int): Which of the backbone's (or neck's) feature levels.
            Defaults to -1, the last.
        propose (bool): Take as queries the tokens of the encoder that propose
            the likeliest people, see :class:`EncoderProposals`; what they
            propose is learned like the prediction of a decoder layer. Else
            queries are learned, as in the paper. Wants images padded to whole
            cells (``pad_size_divisor``). Defaults to False.
        refine (bool): Every decoder layer corrects the pose of the one
            before, with a :class:`PoseBranch` of its own, and queries move
            with their centres. Else every layer predicts poses anew, as in
            the paper. Defaults to False.
        detail (dict, optional): Arguments of :class:`DetailLevels`: what
            finer feature levels show at the joints takes part in their
            correction; with ``refine`` only. Wants images padded to whole
            cells, too. Defaults to None.
        denoising (dict, optional): Arguments of :class:`PoseDenoising`; with
            ``propose`` only. Defaults to None: no noised people.
        encoder, decoder (dict): Arguments of mmdet's
            ``DetrTransformerEncoder`` and ``DetrTransformerDecoder``.
        positional_encoding (dict): Arguments of mmdet's
            ``SinePositionalEncoding``.
        loss (dict): Config of :class:`PoseSetLoss`.
        codec (dict): Config of :class:`POETCodec`, the one that the pipeline's
            ``GenerateTarget`` uses.
    """

    def __init__(self,
                 in_channels: int,
                 num_keypoints: int,
                 encoder: ConfigType,
                 decoder: ConfigType,
                 positional_encoding: ConfigType,
                 loss: ConfigType,
                 codec: ConfigType,
                 num_queries: int = 25,
                 num_classes: int = 1,
                 feat_index: int = -1,
                 propose: bool = False,
                 refine: bool = False,
                 detail: OptConfigType = None,
                 denoising: OptConfigType = None,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.num_keypoints = num_keypoints
        self.num_queries = num_queries
        self.num_classes = num_classes
        self.feat_index = feat_index

        self.positional_encoding = SinePositionalEncoding(
            **positional_encoding)
        self.encoder = POETEncoder(**encoder)
        self.decoder = POETDecoder(**decoder)
        channels = self.encoder.embed_dims
        self._check_channels(channels)
        self.input_proj = nn.Conv2d(in_channels, channels, kernel_size=1)
        self.detail = None
        if detail is not None:
            if not refine:
                raise ValueError('POETHead got detail without refine=True: '
                                 'poses are not corrected. Set '
                                 'model.head.refine=True, or '
                                 'model.head.detail=None.')
            self.detail = DetailLevels(**detail)
        self._build_queries(channels, propose, refine)
        self.denoising = None
        if denoising is not None:
            if not propose:
                raise ValueError('POETHead got denoising without propose=True:'
                                 ' learned queries begin without a pose. Set '
                                 'model.head.propose=True, or '
                                 'model.head.denoising=None.')
            self.denoising = PoseDenoising(channels, **denoising)
        self.loss_module = MODELS.build(loss)
        self.codec = KEYPOINT_CODECS.build(codec)
        self._check_classes()

    def _build_queries(self, channels: int, propose: bool,
                       refine: bool) -> None:
        """Where queries come from, and what reads poses from them."""
        sizes = (channels, self.num_classes, self.num_keypoints)
        self.proposals = EncoderProposals(*sizes) if propose else None
        if not propose:
            self.query_embedding = nn.Embedding(self.num_queries, channels)
        self.center_embed = None
        if propose or (refine and self.decoder.num_layers > 1):
            self.center_embed = CenterEmbedding(channels)
        self.branches = None
        if refine:
            joints = None if self.detail is None else dict(
                sampled_channels=self.detail.sampled_channels,
                joint_channels=self.detail.joint_channels)
            self.branches = ModuleList(
                PoseBranch(*sizes, joints)
                for _ in range(self.decoder.num_layers))
        else:
            self.class_embed = nn.Linear(channels, self.num_classes + 1)
            self.pose_embed = MLP(channels, channels,
                                  2 + 3 * self.num_keypoints, 3)

    def _check_classes(self) -> None:
        needed = 2 if self.codec.empty_class else 1
        if self.num_classes != needed:
            raise ValueError(
                f'POETHead got num_classes={self.num_classes}; with '
                f'POETCodec(empty_class={self.codec.empty_class}) it must be '
                f'{needed}.')

    def _check_channels(self, channels: int) -> None:
        code = 2 * self.positional_encoding.num_feats
        if not channels == self.decoder.embed_dims == code:
            raise ValueError(
                f'POETHead got an encoder of {channels} channels, a decoder '
                f'of {self.decoder.embed_dims} and a positional encoding of '
                f'{code} (2 x num_feats); they must be equal.')

    def init_weights(self) -> None:
        """Xavier-uniform matrices in the transformer, as in DETR; then what
        ``init_cfg`` says."""
        for module in (self.encoder, self.decoder):
            for parameter in module.parameters():
                if parameter.dim() > 1:
                    nn.init.xavier_uniform_(parameter)
        if self.proposals is not None and self.branches is None:
            init_corrections(self.class_embed, self.pose_embed)
        super().init_weights()

    def forward(self,
                feats: Features,
                data_samples: OptSampleList = None) -> Dict[str, Tensor]:
        """Predict the poses of all queries after every decoder layer.

        Args:
            feats (Sequence[Tensor]): Feature levels (B, C_i, H_i, W_i).
            data_samples (list, optional): For ``img_shape`` and
                ``batch_input_shape``. None means images without padding.

        Returns:
            dict: fp32 tensors ``logits`` (L, B, Q, C + 1), last class nobody;
            ``centers`` (L, B, Q, 2) in [0, 1] and ``offsets``
            (L, B, Q, K, 2) in [-1, 1], both of the un-padded image;
            ``visibility`` (L, B, Q, K) in [0, 1]. ``POETCodec.decode`` undoes
            the coordinates.
        """
        extents = image_extents(data_samples, feats[-1].device)
        return self.predict_all(feats, extents).fields

    def predict_all(self,
                    feats: Features,
                    extents: Optional[Extents],
                    noised: Optional[NoisedPeople] = None) -> Predictions:
        """All that the head makes of feature levels (B, C_i, H_i, W_i), whose
        images end at ``extents``."""
        feat = self.select_level(feats)
        padding = None if extents is None else extents.mask(feat)
        memory, position = self.encode(feat, padding)
        center_embed, shares = self.center_embed, None
        if extents is not None:
            shares = extents.shares()
            if center_embed is not None:
                center_embed = partial(
                    center_embed, filled=extents.filled(feat))
        if self.proposals is None:
            proposals = None
            queries = learned_queries(self.query_embedding.weight, memory,
                                      2 + 3 * self.num_keypoints)
        else:
            proposals = self.proposals(memory, feat.shape[-2:], padding,
                                       shares)
            queries = proposed_queries(proposals, memory, self.num_queries,
                                       center_embed)
        if noised is not None:
            queries = add_noised(queries, noised,
                                 self.denoising.content.weight, center_embed)
        detail = None
        if self.detail is not None:
            detail = self.detail(feats, extents)
        fields = self.decode_queries(queries, memory, position, padding,
                                     center_embed, detail)
        if noised is None:
            return Predictions(fields, None, proposals)
        return Predictions(*split_queries(fields, self.num_queries), proposals)

    def encode(self, feat: Tensor,
               padding: Optional[Tensor]) -> Tuple[Tensor, Tensor]:
        """Feature map -> memory and its position code, both (B, HW, 256)."""
        position = self.positional_encoding(padding, feat)
        position = position.flatten(2).transpose(1, 2)  # (B, HW, C)
        tokens = self.input_proj(feat).flatten(2).transpose(1, 2)
        padding = None if padding is None else padding.flatten(1)  # (B, HW)
        memory = self.encoder(
            tokens, query_pos=position, key_padding_mask=padding)
        return memory, position

    def decode_queries(self,
                       queries: Queries,
                       memory: Tensor,
                       position: Tensor,
                       padding: Optional[Tensor],
                       center_embed: Optional[Callable[[Tensor], Tensor]],
                       detail: Optional[DetailMaps]) -> Dict[str, Tensor]:
        """Decode all queries in parallel -> fields (L, B, Q, ...)."""
        padding = None if padding is None else padding.flatten(1)
        decode = partial(
            self.decoder,
            queries.content,
            queries.position,
            key=memory,
            value=memory,
            key_pos=position,
            key_padding_mask=padding,
            self_attn_mask=queries.mask)
        if self.branches is None:
            states = decode(lambda _, state: (queries.position, state))
            return self._read_states(torch.stack(states), queries.pose)
        correct = corrector(queries.pose, self.branches, center_embed, detail)
        logits, poses = zip(*decode(correct))
        return pose_fields(torch.stack(logits), torch.stack(poses))

    def _read_states(self, states: Tensor, pose: Tensor) -> Dict[str, Tensor]:
        """States (L, B, Q, 256) and the poses that all of them correct ->
        fields."""
        with full_precision(states):  # bf16 is too coarse for pixels
            states = states.float()
            return pose_fields(
                self.class_embed(states), pose + self.pose_embed(states))

    def loss(self,
             feats: Features,
             batch_data_samples: SampleList,
             train_cfg: OptConfigType = None) -> Dict[str, Tensor]:
        """Losses of all decoder layers, see :class:`PoseSetLoss`."""
        targets, num_people = stack_targets(batch_data_samples)
        self._check_skeleton(targets)
        noised = None
        if self.denoising is not None and self.training:
            noised = self.denoising(targets, num_people)
        extents = image_extents(batch_data_samples, feats[-1].device)
        fields, of_noised, proposals = self.predict_all(
            feats, extents, noised)
        proposed, denoised = None, None
        if proposals is not None:
            proposed = proposals.fields()
        if noised is not None:
            denoised = noised.of_layers(of_noised)
        with full_precision(fields['logits']):
            return self.loss_module(fields, targets, num_people, proposed,
                                    denoised)

    def predict(self,
                feats: Features,
                batch_data_samples: SampleList,
                test_cfg: OptConfigType = None) -> InstanceList:
        """Poses of the last decoder layer, see :func:`to_instances`."""
        for option in ('flip_test', 'multiscale_test'):
            if (test_cfg or {}).get(option):
                raise ValueError(
                    f'POETHead cannot be tested with {option}=True: sets of '
                    'predictions from two passes have no common order. Set '
                    f'model.test_cfg.{option}=False.')
        outputs = self(feats, batch_data_samples)  # hooks may listen
        return to_instances(outputs, self.codec, [
            sample.metainfo for sample in batch_data_samples
        ])

    def select_level(self, feats: Features) -> Tensor:
        """The feature level (B, C_i, H, W) that the head reads."""
        feat = feats[self.feat_index] if isinstance(feats,
                                                    Sequence) else feats
        if feat.shape[1] != self.in_channels:
            raise ValueError(
                f'Feature level {self.feat_index} has {feat.shape[1]} '
                f'channels, POETHead was built for {self.in_channels}. Set '
                'model.head.in_channels, or another level with '
                'model.head.feat_index.')
        return feat

    def _check_skeleton(self, targets: Dict[str, Tensor]) -> None:
        num_keypoints = targets['visibility'].shape[-1]
        if num_keypoints != self.num_keypoints:
            raise ValueError(
                f'The data have {num_keypoints} joints a person, POETHead was '
                f'built for {self.num_keypoints}. Set '
                f'model.head.num_keypoints={num_keypoints}.')
