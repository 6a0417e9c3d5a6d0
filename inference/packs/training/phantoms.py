"""Synthetic pictures with known truth: chest-like phantoms with a planted lesion,
ultrasound-like sectors, and pictures that are no radiology at all."""
import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def grid(height, width):
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x / width, y / height


def smooth_field(rng, height, width, cells):
    coarse = rng.random((cells, cells)) * 255
    field = Image.fromarray(coarse.astype(np.uint8)).resize((width, height), Image.BICUBIC)
    return np.asarray(field, np.float32) / 255


def phantom(rng):
    """Chest-like picture → (picture, lesion, side, height): lesion 'clear' or 'lesion',
    side as radiology names it ('right' is the left of the picture), height in thirds."""
    width, height = int(rng.integers(150, 220)), int(rng.integers(150, 220))
    x, y = grid(height, width)
    cx, cy = 0.5 + rng.normal(0, 0.015), 0.5 + rng.normal(0, 0.015)
    image = 0.08 + 0.55 * (((x - cx) / 0.48) ** 2 + ((y - cy) / 0.55) ** 2 < 1)
    gap, rx, ry = rng.uniform(0.19, 0.23), rng.uniform(0.13, 0.16), rng.uniform(0.30, 0.36)
    lungs = {}
    for side, sign in (('right', -1), ('left', 1)):
        mask = ((x - cx - sign * gap) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
        lungs[side] = (cx + sign * gap, mask)
        image = np.where(mask, 0.2 + 0.1 * y, image)
    image = image + 0.05 * (np.sin((y + 0.25 * (x - cx) ** 2) * rng.uniform(38, 50)) > 0.5)
    image = image + 0.25 * (np.abs(x - cx) < 0.04)
    lesion, side, level = 'clear', 'none', 'none'
    if rng.random() < 0.7:
        lesion = 'lesion'
        side = 'right' if rng.random() < 0.5 else 'left'
        level = ('upper', 'middle', 'lower')[int(rng.integers(3))]
        offset = {'upper': -0.62, 'middle': 0.0, 'lower': 0.62}[level] + rng.normal(0, 0.06)
        lx, ly = lungs[side][0] + rng.normal(0, 0.2) * rx, cy + offset * ry
        radius = rng.uniform(0.035, 0.075)
        distance = np.sqrt((x - lx) ** 2 + (y - ly) ** 2)
        image = image + rng.uniform(0.18, 0.4) / (1 + np.exp((distance - radius) * 120))
    image = image + rng.normal(0, rng.uniform(0.01, 0.05), image.shape)
    grey = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))
    return grey.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2))), lesion, side, level


def ultrasound(rng):
    """Speckle in a sector on black, now and then with a colour box and text."""
    width, height = int(rng.integers(160, 260)), int(rng.integers(140, 220))
    x, y = grid(height, width)
    speckle = rng.rayleigh(0.5, (height, width)) * smooth_field(rng, height, width, int(rng.integers(3, 9)))
    angle = np.arctan2(x - 0.5, y + 0.12)
    radius = np.hypot(x - 0.5, y + 0.12)
    if rng.random() < 0.75:
        mask = (np.abs(angle) < rng.uniform(0.45, 0.8)) & (radius > 0.2) & (radius < rng.uniform(0.85, 1.1))
    else:
        mask = (x > 0.12) & (x < 0.9) & (y > 0.08) & (y < 0.92)
    grey = np.clip(speckle * mask * rng.uniform(0.8, 1.6), 0, 1) * 255
    image = Image.fromarray(grey.astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.1))).convert('RGB')
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


def stranger(rng):
    """A picture that the pack must not judge."""
    width, height = int(rng.integers(120, 260)), int(rng.integers(120, 260))
    makers = (blobs, drawing, noise, ramp, discs)
    return makers[int(rng.integers(len(makers)))](rng, width, height)
