"""Copies of pictures as the network may meet them: turned, cut, windowed, compressed, written on, and planted with lesions;
each with the truth that follows, and with the maps of the backbone."""
import io
import math
import zlib

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

import planted
from network import FINDINGS, HEADS
from pictures import SIZE, normalise, prepare

SIDED = ('chest', 'abdomen')           # regions whose left and right look different
GREY = ('xr', 'ct', 'mr')              # modalities that can be turned and inverted
WORDS = ('R', 'L', 'PORTABLE', 'AP', 'PA', '12:03', 'Im: 21/40', 'W 400 L 40', 'ERECT', 'Se 4', '512 x 512', 'A', 'P', 'MedPix')


def truth(row):
    """Which classes may be true, by head: bool [classes of all heads]; all of a head where it is not known."""
    allowed = []
    for head, classes in HEADS.items():
        told = row.get(head, '?' if head in ('kind', 'mirror', 'upright', 'grey', 'quality') else 'other')
        told = [told] if isinstance(told, str) else told
        allowed += [c in told or not set(told) & set(classes) for c in classes]
    return np.array(allowed)


def as_shown(row):
    """The row as it came: upright and not inverted; mirrored only matters where sides differ."""
    if row.get('made') or row['modality'] not in GREY:
        return row
    sided = row['region'] in SIDED and row['plane'] != 'sagittal'
    return dict(row, kind='real', upright='upright', mirror='plain' if sided else '?')


def can_be_planted(row):
    return (row['modality'], row['region'], row['plane']) == ('xr', 'chest', 'frontal') and not row.get('made')


def plant(row, rng):
    picture, name, place = planted.plant(row['picture'], rng)
    return dict(row, **{name: place}, picture=picture, planted=True)


def turned(row, rng, chance):
    """Mirrored, turned over or inverted, each with its chance."""
    mirror, turn, invert = rng.random(3) < chance
    picture = row['picture']
    picture = ImageOps.mirror(picture) if mirror else picture
    picture = picture.transpose(Image.ROTATE_180) if turn else picture
    picture = ImageOps.invert(picture) if invert else picture
    out = dict(row, picture=picture, turned=True, upright='upside_down' if turn else 'upright',
               grey='?' if row['grey'] == '?' else 'inverted' if invert else 'normal')
    if row['mirror'] != '?':
        out['mirror'] = 'mirrored' if mirror else 'plain'
    if mirror or turn:
        for name in FINDINGS:
            out[name] = '?' if name in row else 'other'
    return out


def bent(picture, rng, cut):
    """Turned a little, shifted and scaled; or only a part of it."""
    width, height = picture.size
    angle = rng.normal(0, 3.5) * math.pi / 180
    scale = rng.uniform(0.35, 0.6) if cut else math.exp(rng.normal(-0.02, 0.05))
    stretch = math.exp(rng.normal(0, 0.04))
    shift = rng.uniform(-0.25, 0.25, 2) if cut else rng.normal(0, 0.025, 2)
    cx, cy = width * (0.5 + shift[0]), height * (0.5 + shift[1])
    a, b = math.cos(angle) * scale * stretch, -math.sin(angle) * scale
    d, e = math.sin(angle) * scale, math.cos(angle) * scale / stretch
    to = (width, height) if not cut else (max(64, int(width * scale)), max(64, int(height * scale)))
    a, b, d, e = (a * width / to[0], b * height / to[1], d * width / to[0], e * height / to[1])
    matrix = (a, b, cx - a * to[0] / 2 - b * to[1] / 2, d, e, cy - d * to[0] / 2 - e * to[1] / 2)
    return picture.transform(to, Image.AFFINE, matrix, Image.BILINEAR)


def toned(picture, rng):
    """Another gamma, window and, seldom, a compression curve."""
    low, high = rng.uniform(-25, 25), 255 + rng.uniform(-50, 40)
    power = math.exp(rng.normal(0, 0.25))
    table = [int(round(255 * min(1, max(0, (v - low) / (high - low))) ** power)) for v in range(256)]
    picture = picture.point(table * len(picture.getbands()))
    return ImageOps.equalize(picture) if rng.random() < 0.04 else picture


def written(picture, rng):
    """Letters, numbers and rulers as films and screens have them, or a border."""
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    ink = (lambda v: v if picture.mode == 'L' else (v, v, v))(int(rng.integers(180, 256)))
    for _ in range(int(rng.integers(1, 6))):
        word = WORDS[int(rng.integers(len(WORDS)))]
        edge = rng.random() < 0.8
        x = rng.choice([rng.uniform(0, 0.12), rng.uniform(0.82, 0.97)]) if edge else rng.random()
        draw.text((int(x * width), int(rng.random() * height * 0.95)), word, fill=ink)
    if rng.random() < 0.3:
        wide = int(rng.integers(2, 30))
        picture = ImageOps.expand(picture, wide, fill=ink if rng.random() < 0.5 else 0)
    return picture


def worn(row, picture, rng):
    """Blur, noise and JPEG: strong ones change the quality, weak ones do not."""
    scale = max(picture.size) / SIZE
    strong = 'quality' if row.get('kind') == 'real' and rng.random() < 0.2 else None
    row = dict(row, quality='?' if row.get('kind') != 'real' else 'good')
    if strong and rng.random() < 0.5:
        row['quality'] = 'blurred'
        picture = picture.filter(ImageFilter.GaussianBlur(scale * rng.uniform(2.2, 4.5)))
    elif strong:
        row['quality'] = 'noisy'
        picture = speckled(picture, rng, rng.uniform(28, 60), scale)
    else:
        if rng.random() < 0.3:
            picture = picture.filter(ImageFilter.GaussianBlur(scale * rng.uniform(0.2, 0.8)))
        if rng.random() < 0.3:
            picture = speckled(picture, rng, rng.uniform(1, 7), scale)
    if rng.random() < 0.4:
        stream = io.BytesIO()
        picture.save(stream, 'JPEG', quality=int(rng.integers(30, 90)))
        picture = Image.open(stream)
    return row, picture


def speckled(picture, rng, strength, scale):
    """Noise with grains as large as a pixel of what the network sees."""
    width, height = max(8, round(picture.width / scale)), max(8, round(picture.height / scale))
    grains = Image.fromarray(np.clip(rng.normal(128, strength, (height, width)), 0, 255).astype(np.uint8))
    grains = grains.resize(picture.size, Image.BILINEAR)
    field = np.asarray(grains, np.float32) - 128
    values = np.asarray(picture, np.float32) + (field if picture.mode == 'L' else field[..., None])
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def changed(row, rng, flips):
    """A copy for training."""
    row = turned(row, rng, flips) if row['modality'] in GREY and not row.get('made') else dict(row)
    cut = row.get('kind') == 'real' and not row.get('planted') and rng.random() < 0.08
    if cut:
        row.update({h: '?' for h in ('region', 'plane', 'view', 'mirror', 'upright')})
    picture = toned(bent(row['picture'], rng, cut), rng)
    row, picture = worn(row, picture, rng)
    return dict(row, picture=written(picture, rng) if rng.random() < 0.3 else picture)


def times(row):
    """(copies of a row, of them planted with a lesion): rare kinds more often, made pictures as they are."""
    if row['group'].startswith(('phantom:', 'ultrasound:', 'stranger:')):
        return 1, 0
    if row['file'].startswith('pairs/'):
        return (11, 20) if can_be_planted(row) else (13, 0)
    if row['file'].endswith(('.gz', '.inv3')):
        return 2, 0
    if row['modality'] == 'us' and row['group'].startswith('grailbio'):
        return 3, 0
    return (10, 12) if can_be_planted(row) else (10, 0)


def copies(row, seed):
    """All that is learnt and measured of one row: first as it came, then turned only, then changed, then planted."""
    rng = np.random.default_rng(zlib.crc32(row.get('file', row['group']).encode()) + seed)
    shown = as_shown(row)
    number, lesions = times(row)
    good = dict(shown, quality='good') if shown.get('kind') == 'real' else shown
    yield dict(good, copy='shown')
    if row['modality'] in GREY and not row.get('made'):
        yield dict(turned(good, rng, 0.5), copy='turned')
    for _ in range(number):
        yield dict(changed(shown, rng, 0.25), copy='changed')
    for n in range(lesions):
        lesion = plant(shown, rng)
        yield dict(lesion, copy='planted') if n < 4 else dict(changed(lesion, rng, 0), copy='changed')


def light(row):
    """A copy without its picture."""
    return dict({k: v for k, v in row.items() if k != 'picture'}, truth=truth(row))


def halves(pixels):
    """Prepared pictures [n, S, S, 3] → grey [n, S/2, S/2] of 0..255, as network.halved makes them."""
    n, size = pixels.shape[:2]
    return np.round(pixels.astype(np.float32).mean(3).reshape(n, size // 2, 2, size // 2, 2).mean((2, 4))).astype(np.uint8)


def seen(session, rows, seed):
    """All copies of the rows → their rows, the three maps of the backbone as float16, and half the pixels."""
    kept, parts = [], []
    for row in rows:
        own = list(copies(row, seed))
        pixels = np.stack([prepare(c['picture']) for c in own])
        kept += [light(c) for c in own]
        maps = session.run(None, {'pixel_values': normalise(pixels)})
        parts.append([m.astype(np.float16) for m in maps] + [halves(pixels)])
    return kept, [np.concatenate([p[i] for p in parts]) for i in range(4)]
