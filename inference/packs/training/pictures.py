"""Pictures: the data list, reading, and the preparation that Go repeats bit for bit.

`prepare` is integer arithmetic plus Pillow's BICUBIC, in the order that
inference/picture.go follows; change both together, the goldens of the pack
compare them.
"""
import csv
import os
import subprocess

import numpy as np
from PIL import Image

import volumes

SIZE = 224
CROP_LEVEL, CROP_SHARE = 16, 0.02      # a border line holds fewer than 2 % pixels above 16
WINDOW_LOW, WINDOW_HIGH = 0.5, 99.5    # percentiles of the cropped picture's luminance
MEAN, STD = 0.5, 0.5                   # as the backbone was trained
STORED = 640                           # longer side of a picture that is kept in memory


def crop_box(luma):
    """Rows and columns from the first to the last that hold enough bright pixels."""
    bright = luma > CROP_LEVEL
    permille = round(CROP_SHARE * 1000)

    def span(counts, length):
        keep = np.flatnonzero(counts * 1000 >= permille * length)
        return (0, len(counts)) if len(keep) == 0 else (int(keep[0]), int(keep[-1]) + 1)
    top, bottom = span(bright.sum(axis=1), luma.shape[1])
    left, right = span(bright.sum(axis=0), luma.shape[0])
    return left, top, right, bottom


def percentile(histogram, percent):
    """Smallest level whose cumulative count reaches percent of the pixels."""
    total = int(histogram.sum())
    reached = np.cumsum(histogram) * 1000 >= round(percent * 10) * total
    return int(np.argmax(reached))


def prepare(picture):
    """PIL picture → uint8 [SIZE, SIZE, 3]: crop, window, letterbox."""
    picture = picture.convert('RGB')
    luma = np.asarray(picture.convert('L'))
    box = crop_box(luma)
    left, top, right, bottom = box
    histogram = np.bincount(luma[top:bottom, left:right].ravel(), minlength=256)
    low, high = percentile(histogram, WINDOW_LOW), percentile(histogram, WINDOW_HIGH)
    picture = picture.crop(box)
    if high > low:
        span = high - low
        table = [min(255, max(0, ((v - low) * 510 + span) // (2 * span))) for v in range(256)]
        picture = picture.point(table * 3)
    width, height = picture.size
    longest = max(width, height)
    to = [max(1, round(side * SIZE / longest)) for side in (width, height)]
    picture = picture.resize(to, Image.BICUBIC)
    canvas = Image.new('RGB', (SIZE, SIZE))
    canvas.paste(picture, ((SIZE - to[0]) // 2, (SIZE - to[1]) // 2))
    return np.asarray(canvas)


def normalise(pixels):
    """uint8 [..., H, W, 3] → float32 [..., 3, H, W], in float32 throughout."""
    x = pixels.astype(np.float32) / np.float32(255)
    x = (x - np.float32(MEAN)) / np.float32(STD)
    return np.ascontiguousarray(np.moveaxis(x, -1, -3))


def stored(picture):
    """A picture no larger than training needs, grey where it is grey."""
    picture = picture.convert('RGB') if picture.mode not in ('L', 'RGB') else picture
    picture.thumbnail((STORED, STORED), Image.BICUBIC)
    return picture


def rendered(concord, path, folder):
    """A DICOM object as the node shows it to a pack, by `concord render`, kept in a folder."""
    name = os.path.join(folder, path.strip('/').replace('/', '_') + '.png')
    if not os.path.exists(name):
        subprocess.run([concord, 'render', '--size', '0', '-o', name, path], check=True, stderr=subprocess.PIPE)
    return Image.open(name)


def read_list(path, roots, concord, folder):
    """Rows of data.tsv with 'picture' added, a volume as many; and the files that are not there."""
    rows, missing = [], []
    for row in csv.DictReader(open(path), delimiter='\t', quoting=csv.QUOTE_NONE):
        root, name = row['file'].split('/', 1)
        full = os.path.join(roots[root], name)
        if not os.path.exists(full):
            missing.append(row['file'])
        elif row['plane'] == 'all':
            rows += [dict(r, picture=stored(r['picture'])) for r in volumes.pictures(row, full)]
        elif name.endswith(('.png', '.jpg', '.webp')):
            rows.append(dict(row, picture=stored(Image.open(full))))
        else:
            rows.append(dict(row, picture=stored(rendered(concord, full, folder))))
    return rows, missing
