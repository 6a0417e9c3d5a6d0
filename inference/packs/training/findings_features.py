"""What the study of findings looks at: pictures and questions as vectors, by encoders that PyPI packages carry
and by measures taken of the picture."""
import json
import os
import re
import struct
import zipfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps

from backbone import Backbone

SIDE = 224


def letterbox(picture):
    """The grey picture with its ratio kept, float32 [224, 224] in 0..1."""
    return np.asarray(ImageOps.pad(picture.convert('L'), (SIDE, SIDE), Image.BICUBIC), np.float32) / 255


def lite0(weights, pictures):
    """Of float32 [N, 224, 224] the last map pooled [N, 320], and the means of a 4 x 4 grid of that of stride 16 [N, 112 * 16]."""
    network, last, middle = Backbone(weights).eval(), [], []
    with torch.no_grad():
        for x in torch.from_numpy(pictures * 2 - 1).split(16):
            _, stride16, stride32 = network(x[:, None].repeat(1, 3, 1, 1))
            last.append(stride32.mean((2, 3)))
            middle.append(F.adaptive_avg_pool2d(stride16, 4).flatten(1))
    return torch.cat(last).numpy(), torch.cat(middle).numpy()


def safetensors(data):
    """Tensors by name of a safetensors file of float32."""
    size, = struct.unpack('<Q', data[:8])
    header = json.loads(data[8:8 + size])
    return {k: torch.from_numpy(np.frombuffer(data, np.float32, (v['data_offsets'][1] - v['data_offsets'][0]) // 4,
                                              8 + size + v['data_offsets'][0]).reshape(v['shape']).copy())
            for k, v in header.items() if k != '__metadata__' and v['dtype'] == 'F32'}


def wordpieces(text, vocabulary):
    """BERT's uncased WordPiece ids, with [CLS] and [SEP]."""
    ids = [vocabulary['[CLS]']]
    for word in re.findall(r'\w+|[^\w\s]', text.lower()):
        start = 0
        while start < len(word):
            end = next((e for e in range(len(word), start, -1) if ('##' if start else '') + word[start:e] in vocabulary), None)
            if end is None:
                ids.append(vocabulary['[UNK]'])
                break
            ids.append(vocabulary[('##' if start else '') + word[start:end]])
            start = end
    return ids + [vocabulary['[SEP]']]


def minilm(model_zip, texts):
    """Sentence embeddings of all-MiniLM-L6-v2, float32 [N, 384] of length 1."""
    with zipfile.ZipFile(model_zip) as z:
        name = {os.path.basename(n): n for n in z.namelist()}
        w = safetensors(z.read(name['model.safetensors']))
        vocabulary = json.loads(z.read(name['tokenizer.json']))['model']['vocab']
    linear = lambda x, n: F.linear(x, w[n + '.weight'], w[n + '.bias'])
    norm = lambda x, n: F.layer_norm(x, (384,), w[n + '.weight'], w[n + '.bias'], 1e-12)
    heads = lambda x: x.view(len(x), 12, 32).transpose(0, 1)
    out = []
    with torch.no_grad():
        for text in texts:
            ids = torch.tensor(wordpieces(text, vocabulary))
            x = w['embeddings.word_embeddings.weight'][ids] + w['embeddings.position_embeddings.weight'][:len(ids)]
            x = norm(x + w['embeddings.token_type_embeddings.weight'][0], 'embeddings.LayerNorm')
            for n in range(6):
                at = 'encoder.layer.%d.' % n
                q, k, v = (heads(linear(x, at + 'attention.self.' + part)) for part in ('query', 'key', 'value'))
                a = ((q @ k.transpose(1, 2)) / 32 ** 0.5).softmax(-1) @ v
                x = norm(x + linear(a.transpose(0, 1).reshape(len(ids), 384), at + 'attention.output.dense'), at + 'attention.output.LayerNorm')
                h = linear(F.gelu(linear(x, at + 'intermediate.dense')), at + 'output.dense')
                x = norm(x + h, at + 'output.LayerNorm')
            out.append(F.normalize(x.mean(0), dim=0))
    return torch.stack(out).numpy()


def longest(row, low, high):
    """The longest run of True in row[low:high], as (start, end); (low, low) if there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row[low:high].astype(np.int8), [0]]))).reshape(-1, 2)
    if not len(edges):
        return low, low
    start, end = edges[np.argmax(edges[:, 1] - edges[:, 0])]
    return low + start, low + end


def lung_fields(a):
    """Of a frontal chest: the rows looked at, and in each the dark run (start, end) at either side."""
    side = len(a)
    dark = a < np.quantile(a[side // 5:4 * side // 5, side // 8:-side // 8], 0.45)
    rows, middle = np.arange(int(0.2 * side), int(0.85 * side)), side // 2
    first = [np.argmin(dark[y, :middle]) for y in rows]  # the skin
    last = [side - np.argmin(dark[y, :middle - 1:-1]) for y in rows]
    return rows, [np.array([longest(dark[y], f, middle) for y, f in zip(rows, first)]),
                  np.array([longest(dark[y], middle, e) for y, e in zip(rows, last)])]


def lungs(a):
    """Measures of a frontal chest: cardiothoracic ratio, width of the heart, and area, depth and density of the lungs
    and how they differ; zeros where two lungs are not found."""
    side = len(a)
    rows, (right, left) = lung_fields(a)
    wide = [f[:, 1] - f[:, 0] > side // 16 for f in (right, left)]
    both = wide[0] & wide[1]
    if both.sum() < 5:
        return np.zeros(9)
    heart, thorax = (left[:, 0] - right[:, 1])[both], (left[:, 1] - right[:, 0])[both]
    area = [(f[:, 1] - f[:, 0]).sum() / side ** 2 for f in (right, left)]
    depth = [np.flatnonzero(w).max() / side for w in wide]
    grey = [np.mean([a[y, f[i, 0]:f[i, 1]].mean() for i, y in enumerate(rows) if w[i]]) for f, w in zip((right, left), wide)]
    return np.array([np.quantile(heart, 0.95) / np.quantile(thorax, 0.95), heart.mean() / side, both.mean()] +
                    [x for pair in (area, depth, grey) for x in (sum(pair), pair[0] - pair[1])])


def measures(a):
    """What can be measured of a letterboxed picture without a network, float32 [N]: grey levels by place and their
    difference from the other side, of a chest its lungs, of a head what is dark and bright at its middle."""
    ys, xs = np.where(a > 0.1)
    if len(ys) > 100:  # the body without its black border
        body = Image.fromarray((a[ys.min():ys.max() + 1, xs.min():xs.max() + 1] * 255).astype(np.uint8))
        a = np.asarray(body.resize((192, 192), Image.BICUBIC), np.float32) / 255
    else:
        a = a[:192, :192]
    a = (a - a.mean()) / (a.std() + 1e-3)
    cells = a.reshape(6, 32, 6, 32)
    mean, spread = cells.mean((1, 3)), cells.std((1, 3))
    centre, folded = a[48:144, 48:144], np.abs(a - a[:, ::-1])
    middle = [folded.mean(), folded[48:144].mean(), (centre < -0.5).mean(), (centre > 1.5).mean(), centre.mean(),
              centre.std(), a[64:128, 80:112].mean(), np.abs(np.diff(a, axis=0)).mean()]
    sides = (mean - mean[:, ::-1])[:, :3]
    return np.concatenate([mean.ravel(), spread.ravel(), sides.ravel(), middle, lungs(a)]).astype(np.float32)
