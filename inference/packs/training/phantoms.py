"""Pictures that are made: the phantoms of `concord phantom` with their truth, speckled sectors, and pictures that are no
radiology at all."""
import glob
import json
import os
import subprocess

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from network import FINDINGS
from pictures import rendered, stored

# What each kind of phantom shows, and which findings its reports speak of.
KINDS = {
    'chest': (('xr', 'chest', 'frontal'), ('opacity', 'nodule', 'effusion', 'pneumothorax', 'pacemaker')),
    'ct-chest': (('ct', 'chest', 'axial'), ('nodule', 'effusion')),
    'ct-abdomen': (('ct', 'abdomen', 'axial'), ('liver_cyst', 'renal_cyst', 'renal_stone')),
    'ultrasound': (('us', '?', '?'), ('liver_cyst', 'gallstone')),
    'endoscopy': (('other', 'other', 'other'), ('polyp', 'ulcer')),
    'pathology': (('other', 'other', 'other'), ('tumour_nest',)),
}
MIDDLE = 2  # the slice of a CT phantom that its reports' denials are checked on


def phantoms(concord, folder, count, seed):
    """Rows of studies that `concord phantom` makes: a slice each, and each slice that holds a finding."""
    out = os.path.join(folder, 'phantoms-%d-%d' % (count, seed))
    if not os.path.exists(out):
        subprocess.run([concord, 'phantom', '--out', out, '-n', str(count), '--seed', str(seed)], check=True, stdout=subprocess.PIPE)
    for path in sorted(glob.glob(out + '/*/truth.json')):
        truth = json.load(open(path))
        found = truth['findings'] or []
        slices = sorted(glob.glob(os.path.dirname(path) + '/*.dcm'))
        for number in sorted({min(MIDDLE, len(slices) - 1)} | {f['object'] for f in found}):
            yield phantom_row(truth, found, number, rendered(concord, slices[number], folder))


def phantom_row(truth, found, number, picture):
    (modality, region, plane), vocabulary = KINDS[truth['kind']]
    row = dict(modality=modality, region=region, plane=plane, view='?', sequence='?' if modality == 'mr' else 'none', kind='phantom',
               group='phantom:%d' % truth['number'], made=True, picture=stored(picture), mirror='?', quality='?')
    for name in vocabulary:
        row[name] = 'none'
    for f in found:
        name = f['name'].replace(' ', '_')
        here = [p for p in FINDINGS[name] if all(f.get(k) in (None, '') or f[k] in p.split('_') for k in ('side', 'zone'))]
        row[name] = here if f['object'] == number else '?'
    return row


def grid(height, width):
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x / width, y / height


def smooth_field(rng, height, width, cells):
    coarse = rng.random((cells, cells)) * 255
    field = Image.fromarray(coarse.astype(np.uint8)).resize((width, height), Image.BICUBIC)
    return np.asarray(field, np.float32) / 255


def ultrasound(rng):
    """Speckle in a sector on black, now and then with a colour box and text."""
    width, height = int(rng.integers(260, 420)), int(rng.integers(220, 380))
    x, y = grid(height, width)
    speckle = rng.rayleigh(0.5, (height, width)) * smooth_field(rng, height, width, int(rng.integers(3, 9)))
    angle = np.arctan2(x - 0.5, y + 0.12)
    radius = np.hypot(x - 0.5, y + 0.12)
    if rng.random() < 0.75:
        mask = (np.abs(angle) < rng.uniform(0.45, 0.8)) & (radius > 0.2) & (radius < rng.uniform(0.85, 1.1))
    else:
        mask = (x > 0.12) & (x < 0.9) & (y > 0.08) & (y < 0.92)
    grey = np.clip(speckle * mask * rng.uniform(0.8, 1.6), 0, 1) * 255
    image = Image.fromarray(grey.astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.6, 1.6))).convert('RGB')
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(0, 4))):
        at = (int(rng.integers(0, width // 2)), int(rng.integers(0, height - 10)))
        draw.text(at, 'MI 0.%d TIS 0.%d' % tuple(rng.integers(1, 9, 2)), fill=(200, 200, 200))
    if rng.random() < 0.3:
        x0, y0 = width * 0.35, height * 0.35
        draw.ellipse((x0, y0, x0 + width * 0.2, y0 + height * 0.15),
                     fill=(220, 40, 30) if rng.random() < 0.5 else (30, 60, 220))
    return image


def blobs(rng, width, height):
    base = np.stack([smooth_field(rng, height, width, int(rng.integers(3, 20))) for _ in range(3)], -1)
    tint = rng.random(3) * 0.8 + 0.2
    return Image.fromarray((base * tint * 255).astype(np.uint8))


def drawing(rng, width, height):
    image = Image.new('RGB', (width, height), tuple(int(v) for v in rng.integers(0, 256, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 25))):
        a, b = rng.integers(0, width, 2), rng.integers(0, height, 2)
        colour = tuple(int(v) for v in (rng.integers(0, 256, 3) if rng.random() < 0.6 else [rng.integers(256)] * 3))
        box = (int(min(a)), int(min(b)), int(max(a)), int(max(b)))
        [draw.rectangle, draw.ellipse, draw.line][int(rng.integers(3))](box, fill=colour)
    return image


def noise(rng, width, height):
    grey = rng.normal(128, rng.uniform(5, 70), (height, width))
    image = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 4)))


def ramp(rng, width, height):
    x, y = grid(height, width)
    waves = np.sin((x * rng.normal() + y * rng.normal()) * rng.uniform(2, 60)) * 0.5 + 0.5
    return Image.fromarray((waves * 255).astype(np.uint8))


def discs(rng, width, height):
    """Shaded shapes on black, white or grey: the outline of a slice or of an object, without its inside."""
    ground = (0, 255, int(rng.integers(256)))[int(rng.integers(3))]
    image = Image.new('L', (width, height), ground)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 6))):
        cx, cy = rng.uniform(0.3, 0.7) * width, rng.uniform(0.3, 0.7) * height
        rx, ry = rng.uniform(0.05, 0.45) * width, rng.uniform(0.05, 0.45) * height
        draw.ellipse((cx - rx, cy - ry, cx + rx, cy + ry), fill=int(rng.integers(30, 256)))
    shade = np.where(np.asarray(image) == ground, 1, 0.6 + 0.4 * smooth_field(rng, height, width, int(rng.integers(2, 8))))
    return Image.fromarray((np.asarray(image) * shade).astype(np.uint8))


def page(rng, width, height):
    """Lines of words on paper, as a scanned report has."""
    paper = int(rng.integers(170, 256))
    image = Image.new('L', (width, height), paper)
    draw = ImageDraw.Draw(image)
    words = 'findings the of patient report date no seen left chest signed normal page'.split()
    for y in range(8, height - 12, int(rng.integers(11, 18))):
        line = ' '.join(words[int(rng.integers(len(words)))] for _ in range(int(rng.integers(1, width // 30))))
        draw.text((8, y), line, fill=int(rng.integers(0, 90)))
    image = image.rotate(rng.normal(0, 2), fillcolor=paper)
    return Image.fromarray(255 - np.asarray(image)) if rng.random() < 0.15 else image


def stranger(rng):
    """A picture that the pack must not judge."""
    width, height = int(rng.integers(160, 360)), int(rng.integers(160, 360))
    makers = (blobs, drawing, noise, ramp, discs, page)
    return makers[int(rng.integers(len(makers)))](rng, width, height)


def made(maker, count, seed):
    """Rows of made pictures: 'ultrasound' or 'stranger'."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        row = dict(view='none', sequence='none', made=True, group='%s:%d' % (maker, number))
        if maker == 'ultrasound':
            yield dict(row, modality='us', region='?', plane='?', picture=ultrasound(rng))
        else:
            yield dict(row, modality='other', region='other', plane='other', picture=stranger(rng))
