"""Start MMPose's CID so that it learns without pre-trained weights."""

from mmpose.models.heads import CIDHead
from mmpose.registry import MODELS


@MODELS.register_module()
class ScratchCIDHead(CIDHead):
    """Initialise the inner layers of CID's decoupling as PyTorch does.

    All else is as in ``CIDHead``, whose weights have a standard deviation of
    0.001 in all layers of the decoupling. With a backbone from scratch, all
    keypoints of a person then still have one heatmap after 240 steps.
    """

    def init_weights(self) -> None:
        """Initialise as ``CIDHead``, then the inner layers."""
        super().init_weights()
        last = self.gfd_module.heatmap_conv
        for module in self.gfd_module.modules():
            if hasattr(module, 'reset_parameters') and module is not last:
                module.reset_parameters()
