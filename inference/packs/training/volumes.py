"""Pictures cut out of volumes: axial, coronal and sagittal slices of CT and MR, and radiographs made of a CT.

Every reader gives an array [x, y, z] with x to the patient's left, y to the front, z up, and the size of a voxel in mm.
"""
import gzip
import struct
import tarfile

import numpy as np
from PIL import Image

WINDOWS = {'chest': ((40, 400), (-600, 1500), (50, 350)), 'head': ((40, 90), (40, 160), (400, 2000))}  # centre, width in HU


def nifti(path):
    """NIfTI-1 with an upright matrix, 8 or 16 bits: stored values with their intercept."""
    raw = gzip.open(path).read()
    shape = struct.unpack('<8h', raw[40:56])[1:4]
    kind = {2: np.uint8, 4: np.int16, 512: np.uint16}[struct.unpack('<h', raw[70:72])[0]]
    size = struct.unpack('<8f', raw[76:108])[1:4]
    start, _, intercept = struct.unpack('<3f', raw[108:120])
    values = np.frombuffer(raw, kind, int(np.prod(shape)), int(start)).reshape(shape, order='F').astype(np.float32) + intercept
    to_right = struct.unpack('<f', raw[280:284])[0] > 0
    return (values[::-1] if to_right else values), size


def invesalius(path):
    """The matrix of an InVesalius project of 108 × 256 × 256 voxels (z, y, x), in HU."""
    raw = tarfile.open(path).extractfile('tmpocjcea/matrix.dat').read()
    volume = np.frombuffer(raw, np.int16).reshape(108, 256, 256).astype(np.float32)
    return volume.transpose(2, 1, 0), (0.957, 0.957, 1.5)


def minc(path):
    """BrainBrowser's raw MINC export of 160 × 256 × 224 bytes: x, z, y, each falling."""
    volume = np.frombuffer(gzip.open(path).read(), np.uint8).reshape(160, 256, 224).astype(np.float32)
    return volume.transpose(0, 2, 1)[:, ::-1, ::-1], (1, 1, 1)


def grey(plane, low, high, size):
    """Array [columns, rows from below] → picture with square pixels."""
    levels = np.clip((plane - low) / (high - low), 0, 1) * 255
    picture = Image.fromarray(np.ascontiguousarray(levels.T[::-1]).astype(np.uint8))
    least = min(size)
    return picture.resize((round(picture.width * size[0] / least), round(picture.height * size[1] / least)), Image.BICUBIC)


def slices(volume, size, low, high, step, between):
    """(plane, height 0..1, picture) at every step-th part of the middle."""
    nx, ny, nz = volume.shape
    for at in np.arange(between[0], between[1], step):
        yield 'axial', at, grey(volume[:, :, int(nz * at)], low, high, (size[0], size[1]))
    for at in np.arange(0.25, 0.78, step * 1.5):
        yield 'coronal', at, grey(volume[:, int(ny * at)], low, high, (size[0], size[2]))
        yield 'sagittal', at, grey(volume[int(nx * at), ::-1], low, high, (size[1], size[2]))


def radiographs(volume, size):
    """(plane, picture): sums of attenuation along the line of sight, with more and less bone, whole and in part."""
    for bone in (0.6, 1.0, 1.8):
        density = np.clip(volume / 1000 + 1, 0, None)
        density = np.where(density > 1.15, 1.15 + (density - 1.15) * bone, density)
        for plane, axis, flip in (('frontal', 1, 1), ('lateral', 0, -1)):
            shadow = density.sum(axis)[::flip]
            low, high = np.percentile(shadow, (5, 99.7))
            across = (size[0] if axis == 1 else size[1], size[2])
            for cut in (0, 0.15, 0.3):
                part = shadow[:, int(cut * shadow.shape[1]):]
                yield plane, grey(np.clip((part - low) / (high - low), 0, 1) ** (0.8 + bone / 5), 0, 1, across)


def chest_ct(row, path):
    volume, size = nifti(path)
    for centre, width in WINDOWS['chest']:
        for plane, at, picture in slices(volume, size, centre - width / 2, centre + width / 2, 0.035, (0.02, 0.92)):
            region = 'abdomen' if at < 0.2 else 'chest' if at > 0.48 else '?'
            yield dict(row, plane=plane, region=region if plane == 'axial' else 'chest', picture=picture)
    for plane, picture in radiographs(volume, size):
        yield dict(row, modality='xr', plane=plane, made=True, picture=picture)


def head_ct(row, path):
    volume, size = invesalius(path)
    for centre, width in WINDOWS['head']:
        for plane, _, picture in slices(volume, size, centre - width / 2, centre + width / 2, 0.06, (0.3, 0.9)):
            yield dict(row, plane=plane, picture=picture)
    for plane, picture in radiographs(volume, size):
        yield dict(row, modality='xr', plane=plane, made=True, picture=picture)


def head_mr(row, path):
    volume, size = minc(path) if path.endswith('.raw.gz') else nifti(path)
    for plane, _, picture in slices(volume, size, 0, np.percentile(volume, 99.8), 0.05, (0.25, 0.85)):
        yield dict(row, plane=plane, picture=picture)


READERS = {('ct', 'chest'): chest_ct, ('ct', 'head'): head_ct, ('mr', 'head'): head_mr}


def pictures(row, path):
    """The rows of one volume: its own with plane, region and picture."""
    return READERS[row['modality'], row['region']](row, path)
