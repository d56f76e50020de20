"""The network as published (arXiv 2406.00327, 2601.14406): a ResNet on CT and mask, gated by the name.

With x the pooled image features (F) and t the name's vector: a1 = attention1([x; t]), a2 = attention2([x;
t]), y = fc2(a2 * fc1(a1 * x)); nothing bounds y. The keys of the state dict are those of the published
checkpoints without the parts that the published forward pass never uses (`UNUSED_KEYS`).
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torchvision
from torch import Tensor, nn

from segae.errors import ModelError
from segae.inputs.spec import InputSpec
from segae.models.output import ModelOutput
from segae.models.spec import ModelSpec

DEFAULT_INPUT = InputSpec()
OUTPUTS: tuple[str, ...] = ()
BACKBONES = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
UNUSED_KEYS = ("net.conv1.", "net.bn1.", "net.fc.")
HIDDEN = 50
_STAGES = ("layer1", "layer2", "layer3", "layer4")


class PublishedNetwork(nn.Module):
    """Images (B, channels, S, S) and text vectors (B, text_dim) -> raw scores (B,)."""

    def __init__(self, backbone: str, channels: int, text_dim: int) -> None:
        super().__init__()
        resnet = torchvision.models.get_model(backbone, weights=None)
        assert isinstance(resnet, torchvision.models.ResNet)
        features = resnet.fc.in_features
        self.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.net = nn.Sequential(OrderedDict((stage, getattr(resnet, stage)) for stage in _STAGES))
        self.attention1 = nn.Linear(features + text_dim, features)
        self.attention2 = nn.Linear(features + text_dim, HIDDEN)
        self.fc1 = nn.Linear(features, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, 1)

    def forward(self, images: Tensor, text: Tensor) -> ModelOutput:
        x = self.pool(self.relu(self.bn1(self.conv1(images))))
        x = self.net(x).mean(dim=(2, 3))
        joint = torch.cat((x, text), dim=1)
        gated = self.fc1(self.attention1(joint) * x)
        return ModelOutput(self.fc2(self.attention2(joint) * gated).squeeze(1))


def build(spec: ModelSpec) -> PublishedNetwork:
    """The registry's builder; raises `ModelError` for an unknown backbone."""
    if spec.backbone not in BACKBONES:
        raise ModelError(
            f'Model "{spec.name}" has the backbone "{spec.backbone}"; the published architecture knows '
            f"{', '.join(BACKBONES)}."
        )
    return PublishedNetwork(spec.backbone, spec.input.channels, spec.text_dim)


def recognise_backbone(shapes: dict[str, tuple[int, ...]]) -> str | None:
    """Name of the ResNet whose blocks have exactly these keys and shapes, or None.

    `shapes` are those of a published state dict: the blocks stand under `net.layerN.`.
    """
    blocks = {key: shape for key, shape in shapes.items() if key.startswith("net.layer")}
    for name in BACKBONES:
        with torch.device("meta"):
            resnet = torchvision.models.get_model(name, weights=None)
        expected = {f"net.{key}": tuple(value.shape) for key, value in resnet.state_dict().items()}
        if blocks == {key: shape for key, shape in expected.items() if key.startswith("net.layer")}:
            return name
    return None
