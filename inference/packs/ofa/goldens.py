"""The pack's own goldens: what PyTorch, in float32, says of made pictures, for `concord pack verify`."""
import hashlib
import json
import os

import numpy as np
from PIL import Image
import torch

import words

TOLERANCE = {'fp32': 1e-4, 'fp16': 0.02}      # of a probability, in ONNX Runtime

STATEMENTS = ['there is a small round opacity in the left lung.', 'no pleural effusion.', 'the picture shows two circles.',
              'axial ct of the abdomen with contrast.']


def pictures():
    """Two pictures of our own: (name, 8-bit image); one in colours, one grey and larger than its model's picture."""
    y, x = np.mgrid[0:211, 0:320]
    colour = np.stack([x * 255 // 319, y * 255 // 210, (x + y) % 256], 2)
    yield 'colours.png', Image.fromarray(colour.astype(np.uint8))
    y, x = np.mgrid[0:700, 0:560]
    disc = (y - 350) ** 2 + (x - 200) ** 2 < 120 ** 2
    grey = np.where(disc, 200, (x * 3 + y * 2) % 120)
    yield 'disc.png', Image.fromarray(grey.astype(np.uint8))


def prepare(picture, size, resize):
    """What OFA makes of a picture: bicubic, 0..1, (v − 0.5) / 0.5 → float32 [3, H, W]"""
    picture = picture.convert('RGB')
    target = (size, size)
    if resize == 'long_side':
        target = tuple(max(1, round(side * size / max(picture.size))) for side in picture.size)
    values = np.asarray(picture.resize(target, Image.BICUBIC), np.float32) / np.float32(255)
    return ((values - np.float32(0.5)) / np.float32(0.5)).transpose(2, 0, 1)


@torch.no_grad()
def write(out, vision, score, vocabulary, args):
    folder = os.path.join(out, 'goldens')
    os.makedirs(folder)
    rank = words.ranks(os.path.join(out, 'merges.txt'))
    images, cases = {}, []
    for name, picture in pictures():
        picture.save(os.path.join(folder, name))
        pixels = np.ascontiguousarray(prepare(picture, args.size, args.resize))
        images[name] = {'pixel_values': {'shape_chw': list(pixels.shape),
                                         'sha256_f32le': hashlib.sha256(pixels.astype('<f4').tobytes()).hexdigest()}}
        tokens = vision(torch.from_numpy(pixels)[None])
        for statement in STATEMENTS:
            ids = [0] + words.encode(' does the image describe " %s "?' % statement, vocabulary, rank) + [2]
            p = torch.softmax(score(tokens, torch.tensor([0]), torch.tensor([ids])), 1)[0]
            cases.append({'image': name, 'statement': statement, 'image_only': {
                'ids': ids, 'scores': {args.prompt: {'probabilities': [float(v) for v in p]}}}})
    with open(os.path.join(folder, 'goldens.json'), 'w') as f:
        json.dump({'what': 'PyTorch, float32, at the export', 'answers': ['no', 'yes', 'maybe'], 'tolerance': TOLERANCE[args.precision],
                   'images': images, 'cases': cases}, f, indent=1)
