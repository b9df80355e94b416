"""POETHead: features -> transformer -> one pose per query.

Source: POET (arXiv 2103.12115v1), section 3; transformer as in DETR
(arXiv 2005.12872). Difference from the authors' release: the fields have names
instead of strided columns of one tensor.

Letters: B images, L decoder layers, Q queries, T tokens, K keypoints, C person
classes, D channels of the transformer.
"""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from mmdet.models.layers import MLP, SinePositionalEncoding
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
from ..layers.branches import init_corrections, pose_branches
from ..layers.decoding import decode_refining, decode_shared
from ..layers.denoising import NoisedPeople, PoseDenoising, split_queries
from ..layers.joint_sampling import DetailLevels
from ..layers.padding import Extents, ValidRegion, image_extents
from ..layers.pose import CenterEmbedding, PoseLogits
from ..layers.precision import full_precision
from ..layers.proposals import EncoderProposals, Proposals
from ..layers.queries import (
    Queries,
    append_denoising_queries,
    learned_queries,
    proposed_queries,
)
from ..layers.tokens import Memory, TokenPyramid, map_to_tokens
from ..layers.transformer import POETDecoder, POETEncoder
from ..targets import Fields, stack_targets
from . import checks


class HeadOutputs(NamedTuple):
    """Hold the outputs of POETHead."""

    fields: Fields  # (L, B, Q, ...), see POETHead.forward
    denoising: Optional[Fields]  # of denoising queries, (L, B, G x N, ...)
    proposals: Optional[Proposals]  # of the encoder, (B, T, ...)


# Workaround (mmpose<=1.3.2): `TransformerHead` reads `default_init_cfg`, which
# nothing defines. It also calls the transformer's decoder `decoder`, which is
# the codec in `BaseHead`. Therefore this is a `BaseHead`.
@MODELS.register_module()
class POETHead(BaseHead):
    """Predict poses with a transformer on feature levels of any backbone.

    Args:
        in_channels (int): Channels of the feature level.
        num_keypoints (int): K, keypoints of the data set's skeleton.
        num_queries (int): Q, the largest number of people that an image can
            get. Defaults to 25.
        num_classes (int): C, person classes without "no object": 1, or 2 with
            ``POETCodec(empty_class=True)``. Defaults to 1.
        feat_index (int): Index of the backbone's (or neck's) feature level
            that the encoder reads. Defaults to -1, the last.
        propose (bool): Two-stage (Deformable DETR): the Q proposals with the
            highest person score become the queries, see
            :class:`EncoderProposals`. Needs images padded to whole cells
            (``pad_size_divisor``), else coordinates near the right and bottom
            border are off by up to a cell. Defaults to False: learned queries,
            as in the paper.
        refine (bool): Iterative refinement (Deformable DETR): every decoder
            layer corrects the poses of the one before with a
            :class:`PoseBranch` of its own. Defaults to False: every layer
            predicts whole poses, as in the paper.
        predict_oks (bool): Every decoder layer also predicts the OKS of its
            poses, and their score is the probability of a person times this
            OKS, an idea of Mask Scoring R-CNN (arXiv 1903.00241). Needs
            ``refine`` and ``loss.oks_weight``. Defaults to False: the score
            is the probability, as in the paper.
        detail (dict, optional): Multi-level keypoint sampling, arguments of
            :class:`DetailLevels`. Needs ``refine`` and images padded to whole
            cells. Defaults to None.
        denoising (dict, optional): Denoising queries (DN-DETR), arguments of
            :class:`PoseDenoising`. Needs ``propose``. Defaults to None.
        pyramid (dict, optional): Tokens of finer levels, arguments of
            :class:`TokenPyramid`, which also propose people. Needs ``propose``
            and images padded to whole cells. Defaults to None: tokens of one
            level, as in the paper.
        encoder (dict): Arguments of :class:`POETEncoder`.
        decoder (dict): Arguments of :class:`POETDecoder`.
        positional_encoding (dict): Arguments of mmdet's
            ``SinePositionalEncoding``.
        loss (dict): Config of :class:`PoseSetLoss`.
        codec (dict): Config of :class:`POETCodec`, the one that the pipeline's
            ``GenerateTarget`` uses.

    Raises:
        ValueError: Arguments contradict each other. The message names the key
            to set.
    """

    def __init__(
        self,
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
        predict_oks: bool = False,
        detail: OptConfigType = None,
        denoising: OptConfigType = None,
        pyramid: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ) -> None:
        super().__init__(init_cfg)
        checks.check_pieces(
            propose, refine, predict_oks, detail, denoising, pyramid, loss
        )
        self.in_channels = in_channels
        self.num_keypoints = num_keypoints
        self.num_queries = num_queries
        self.num_classes = num_classes
        self.feat_index = feat_index
        self.positional_encoding = SinePositionalEncoding(
            **positional_encoding
        )
        self.encoder = POETEncoder(**encoder)
        self.decoder = POETDecoder(**decoder)
        channels = self.encoder.embed_dims
        checks.check_channels(
            channels,
            self.decoder.embed_dims,
            2 * self.positional_encoding.num_feats,
        )
        self.input_proj = nn.Conv2d(in_channels, channels, kernel_size=1)
        self.pyramid = (
            None
            if pyramid is None
            else TokenPyramid(channels=channels, **pyramid)
        )
        self.detail = None if detail is None else DetailLevels(**detail)
        dims = (channels, num_classes, num_keypoints)
        self._build_queries(propose, refine, dims)
        self._build_poses(refine, predict_oks, dims)
        self.denoising = (
            None if denoising is None else PoseDenoising(channels, **denoising)
        )
        self.loss_module = MODELS.build(loss)
        self.codec = KEYPOINT_CODECS.build(codec)
        checks.check_classes(num_classes, self.codec.empty_class)

    def _build_queries(
        self, propose: bool, refine: bool, dims: Tuple[int, int, int]
    ) -> None:
        """Build what makes queries; ``dims`` are D, C and K."""
        channels = dims[0]
        self.proposals = EncoderProposals(*dims) if propose else None
        if not propose:
            self.query_embedding = nn.Embedding(self.num_queries, channels)
        self.make_queries = (
            self._make_proposed if propose else self._make_learned
        )
        moves_queries = refine and self.decoder.num_layers > 1
        self.center_embed = (
            CenterEmbedding(channels) if propose or moves_queries else None
        )

    def _build_poses(
        self, refine: bool, predict_oks: bool, dims: Tuple[int, int, int]
    ) -> None:
        """Build what predicts poses from the decoder's output."""
        channels, num_classes, num_keypoints = dims
        self.branches = None
        if refine:
            self.branches = pose_branches(
                self.decoder.num_layers, dims, predict_oks, self.detail
            )
        else:
            self.class_embed = nn.Linear(channels, num_classes + 1)
            self.pose_embed = MLP(
                channels, channels, PoseLogits.size(num_keypoints), 3
            )
        self.decode = self._decode_refining if refine else self._decode_shared

    def init_weights(self) -> None:
        """Draw Xavier-uniform matrices as in DETR, then apply ``init_cfg``."""
        for module in (self.encoder, self.decoder):
            for parameter in module.parameters():
                if parameter.dim() > 1:
                    nn.init.xavier_uniform_(parameter)
        if self.proposals is not None and self.branches is None:
            # the shared layers begin with the proposed poses
            init_corrections(self.class_embed, self.pose_embed)
        super().init_weights()

    def forward(
        self, feats: Features, data_samples: OptSampleList = None
    ) -> Fields:
        """Predict the poses of all queries after every decoder layer.

        Args:
            feats (Sequence[Tensor]): Feature levels (B, C_i, H_i, W_i).
            data_samples (list, optional): For ``img_shape`` and
                ``batch_input_shape``. None means images without padding.

        Returns:
            dict: fp32 tensors ``logits`` (L, B, Q, C + 1), last class "no
            object"; ``centers`` (L, B, Q, 2) in [0, 1] and ``offsets``
            (L, B, Q, K, 2) in [-1, 1], both of the un-padded image;
            ``visibility`` (L, B, Q, K) in [0, 1]; with ``predict_oks`` also
            ``oks_logits`` (L, B, Q). ``POETCodec.decode`` undoes the
            coordinates.
        """
        extents = image_extents(data_samples, feats[-1].device)
        return self.predict_all(feats, extents).fields

    def predict_all(
        self,
        feats: Features,
        extents: Optional[Extents],
        noised_people: Optional[NoisedPeople] = None,
    ) -> HeadOutputs:
        """Predict fields, and the extra outputs that only the loss needs.

        1. Encode the feature level.
        2. Make queries.
        3. Decode them, and predict poses.

        Args:
            feats (Sequence[Tensor]): Feature levels (B, C_i, H_i, W_i).
            extents (Extents, optional): Where images end; None: no padding.
            noised_people (NoisedPeople, optional): For denoising queries.

        Returns:
            HeadOutputs: Of the Q queries, the denoising queries and the
            tokens.
        """
        # 1. encode
        feats = feats if isinstance(feats, Sequence) else [feats]
        feat = self.select_level(feats)
        memory = self.encode(feat, ValidRegion(extents, feat))
        # 2. make queries
        queries, proposals = self.make_queries(memory, feats)
        if noised_people is not None:
            queries = append_denoising_queries(
                queries, noised_people, self._pose_embedder(memory)
            )
        # 3. decode, and predict poses
        fields = self.decode(queries, memory, feats)
        if noised_people is None:
            return HeadOutputs(fields, None, proposals)
        fields, denoising = split_queries(fields, self.num_queries)
        return HeadOutputs(fields, denoising, proposals)

    def encode(self, feat: Tensor, region: ValidRegion) -> Memory:
        """Return the memory of a feature map (B, C_i, H, W), T = HW."""
        position = self.positional_encoding(region.mask, feat)
        position = map_to_tokens(position)  # (B, T, D)
        tokens = map_to_tokens(self.input_proj(feat))
        tokens = self.encoder(
            tokens, query_pos=position, key_padding_mask=region.token_mask
        )
        return Memory(tokens, position, region)

    def _pose_embedder(self, memory: Memory) -> Callable[[PoseLogits], Tensor]:
        """Return a function from poses (B, Q) to position codes (B, Q, D)."""

        def embed_pose(pose: PoseLogits) -> Tensor:
            assert self.center_embed is not None
            return self.center_embed(pose, memory.region)

        return embed_pose

    def _make_learned(
        self, memory: Memory, feats: Features
    ) -> Tuple[Queries, None]:
        return learned_queries(
            self.query_embedding.weight, memory, self.num_keypoints
        ), None

    def _make_proposed(
        self, memory: Memory, feats: Features
    ) -> Tuple[Queries, Proposals]:
        assert self.proposals is not None
        tokens, region = memory.tokens, memory.region
        if self.pyramid is not None:
            finer = self.token_levels(feats)[:-1]
            tokens, region = self.pyramid(finer, memory)
        proposals = self.proposals(tokens, region)
        return proposed_queries(
            proposals, tokens, self.num_queries, self._pose_embedder(memory)
        ), proposals

    def _decode_shared(
        self, queries: Queries, memory: Memory, feats: Features
    ) -> Fields:
        return decode_shared(
            self.decoder, queries, memory, self.class_embed, self.pose_embed
        )

    def _decode_refining(
        self, queries: Queries, memory: Memory, feats: Features
    ) -> Fields:
        assert self.branches is not None
        maps = None
        if self.detail is not None:
            maps = self.detail(feats, memory.region.extents)
        return decode_refining(
            self.decoder,
            queries,
            memory,
            self.branches,
            self._pose_embedder(memory),
            maps,
        )

    def loss(
        self,
        feats: Features,
        batch_data_samples: SampleList,
        train_cfg: OptConfigType = None,
    ) -> Dict[str, Tensor]:
        """Return the losses of all layers, see :class:`PoseSetLoss`."""
        targets, num_people = stack_targets(batch_data_samples)
        checks.check_skeleton(
            targets['visibility'].shape[-1], self.num_keypoints
        )
        noised_people = denoising = proposals = None
        if self.denoising is not None and self.training:
            noised_people = self.denoising(targets, num_people)
        extents = image_extents(batch_data_samples, feats[-1].device)
        outputs = self.predict_all(feats, extents, noised_people)
        if noised_people is not None:
            denoising = noised_people.of_layers(outputs.denoising)
        if outputs.proposals is not None:
            proposals = outputs.proposals.fields()
        with full_precision(outputs.fields['logits']):
            return self.loss_module(
                outputs.fields, targets, num_people, proposals, denoising
            )

    def predict(
        self,
        feats: Features,
        batch_data_samples: SampleList,
        test_cfg: OptConfigType = None,
    ) -> InstanceList:
        """Return poses of the last layer, see :func:`to_instances`."""
        checks.check_test(test_cfg or {})
        # not self.forward(...), so that forward hooks run
        outputs = self(feats, batch_data_samples)
        return to_instances(
            outputs,
            self.codec,
            [sample.metainfo for sample in batch_data_samples],
        )

    def token_levels(self, feats: Features) -> List[Tensor]:
        """Return the feature levels whose cells are tokens, finest first."""
        feat = self.select_level(feats)
        if self.pyramid is None:
            return [feat]
        in_channels = self.pyramid.in_channels
        end = range(len(feats))[self.feat_index]
        finer = list(feats[max(0, end - len(in_channels)) : end])
        checks.check_finer_levels(finer, in_channels)
        return [*finer, feat]

    def select_level(self, feats: Features) -> Tensor:
        """Return the feature level (B, C_i, H, W) that the head reads."""
        feat = feats[self.feat_index] if isinstance(feats, Sequence) else feats
        checks.check_level(self.feat_index, feat.shape[1], self.in_channels)
        return feat
