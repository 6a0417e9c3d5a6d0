"""Pictures: the data list, reading, and the preparation that Go repeats bit for bit.

`prepare` is integer arithmetic plus Pillow's BICUBIC, in the order that
inference/picture.go follows; change both together, the goldens of the pack
compare them.
"""
import csv
import gzip
import os
import struct
import warnings

import numpy as np
from PIL import Image

SIZE = 128
CROP_LEVEL, CROP_SHARE = 16, 0.02      # a border line holds fewer than 2 % pixels above 16
WINDOW_LOW, WINDOW_HIGH = 0.5, 99.5    # percentiles of the cropped picture's luminance
MEAN, STD = 0.5, 0.25


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


def read_dicom(path):
    """One frame of a DICOM object, windowed as a viewer would show it."""
    import pydicom
    from pydicom.pixel_data_handlers.util import apply_color_lut, convert_color_space
    warnings.simplefilter('ignore')
    data = pydicom.dcmread(path, force=True)
    pixels = data.pixel_array
    photometric = data.get('PhotometricInterpretation', '')
    if photometric == 'PALETTE COLOR':
        pixels = apply_color_lut(pixels, data)
    elif photometric.startswith('YBR_FULL'):
        pixels = convert_color_space(pixels, photometric, 'RGB')
    frames = int(data.get('NumberOfFrames', 1) or 1)
    if frames > 1:
        pixels = pixels[frames // 2]
    if pixels.ndim == 3:
        return Image.fromarray((pixels >> (8 * (pixels.dtype.itemsize - 1))).astype(np.uint8))
    values = pixels * float(data.get('RescaleSlope', 1) or 1) + float(data.get('RescaleIntercept', 0) or 0)
    first = lambda v: float(v[0] if isinstance(v, pydicom.multival.MultiValue) else v)
    if data.get('WindowCenter') not in (None, '') and data.get('WindowWidth') not in (None, ''):
        centre, width = first(data.WindowCenter), first(data.WindowWidth)
        low, high = centre - width / 2, centre + width / 2
    else:
        low, high = np.percentile(values, 0.5), np.percentile(values, 99.5)
    grey = np.clip((values - low) / max(high - low, 1e-6), 0, 1) * 255
    if photometric == 'MONOCHROME1':
        grey = 255 - grey
    return Image.fromarray(grey.astype(np.uint8))


def read_nifti(path):
    """8- or 16-bit NIfTI volume → array [x, y, z], x to the right, y forward, z up."""
    raw = gzip.open(path).read()
    shape = struct.unpack('<8h', raw[40:56])[1:4]
    kind = {2: np.uint8, 4: np.int16, 512: np.uint16}[struct.unpack('<h', raw[70:72])[0]]
    start = int(struct.unpack('<f', raw[108:112])[0])
    return np.frombuffer(raw, kind, int(np.prod(shape)), start).reshape(shape, order='F')


def slices(volume):
    """Pictures of a head volume as radiology shows them: (plane, picture)."""
    top = np.percentile(volume, 99.8)
    grey = np.clip(volume / top * 255, 0, 255).astype(np.uint8)
    nx, ny, nz = grey.shape
    for z in range(int(nz * 0.25), int(nz * 0.85), 6):
        yield 'axial', Image.fromarray(grey[::-1, ::-1, z].T)
    for y in range(int(ny * 0.2), int(ny * 0.85), 6):
        yield 'coronal', Image.fromarray(grey[::-1, y, ::-1].T)
    for x in range(int(nx * 0.3), int(nx * 0.7), 3):
        yield 'sagittal', Image.fromarray(grey[x, ::-1, ::-1].T)


def read_list(path, roots):
    """Rows of data.tsv with 'pixels' added; a file that is not there is named and left out."""
    rows, missing = [], []
    for row in csv.DictReader(open(path), delimiter='\t', quoting=csv.QUOTE_NONE):
        root, name = row['file'].split('/', 1)
        full = os.path.join(roots.get(root, ''), name)
        if not os.path.exists(full):
            missing.append(row['file'])
        elif name.endswith('.nii.gz'):
            for plane, picture in slices(read_nifti(full)):
                rows.append(dict(row, plane=plane, pixels=prepare(picture)))
        else:
            picture = Image.open(full) if root == 'pairs' else read_dicom(full)
            rows.append(dict(row, pixels=prepare(picture)))
    return rows, missing
