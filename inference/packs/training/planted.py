"""Lesions planted into real frontal chest radiographs: opacity, nodule, effusion, pneumothorax, pacemaker, with side and zone.

Places are shares of the cropped picture, which in a chest radiograph is nearly the thorax. 'Right' is the patient's: the left
of the picture. Zones are thirds of the lung's height, with a gap between them, so that the truth is never a matter of taste.
"""
import numpy as np
from PIL import Image, ImageFilter

from network import PLACES, SIDES
from pictures import crop_box

ZONES = {'upper': (0.17, 0.34), 'middle': (0.42, 0.54), 'lower': (0.62, 0.76)}
ACROSS = (0.16, 0.36)  # of the width, from the patient's right; mirrored for the left
NAMES = ('opacity', 'nodule', 'effusion', 'pneumothorax', 'pacemaker')


class Canvas:
    """The thorax of a picture as brightness, with x from the outer edge of the chosen side to the other, 0..1."""
    def __init__(self, picture, side):
        self.picture = picture.convert('L')
        self.box = crop_box(np.asarray(self.picture))
        self.light = np.asarray(self.picture.crop(self.box), np.float32)
        height, width = self.light.shape
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        self.aspect = height / width
        self.x, self.y = (x + 0.5) / width, (y + 0.5) / height
        if side == 'left':
            self.x = 1 - self.x
        self.range = max(30.0, float(np.percentile(self.light, 97) - np.percentile(self.light, 10)))

    def distance(self, x, y, stretch=1.0):
        """From a point, in widths of the picture."""
        return np.hypot(self.x - x, (self.y - y) * self.aspect / stretch)

    def done(self):
        whole = np.asarray(self.picture).copy()
        left, top, right, bottom = self.box
        whole[top:bottom, left:right] = np.clip(self.light, 0, 255)
        return Image.fromarray(whole)


def rough(rng, canvas, radius):
    """A field of about 0..1 that varies over a radius."""
    height, width = canvas.light.shape
    cells = max(2, int(1 / radius))
    field = Image.fromarray((rng.random((cells, cells)) * 255).astype(np.uint8)).resize((width, height), Image.BICUBIC)
    return np.asarray(field, np.float32) / 255


def opacity(rng, canvas, x, y):
    radius = rng.uniform(0.06, 0.11)
    body = np.exp(-(canvas.distance(x, y, rng.uniform(0.8, 1.3)) / radius) ** 2 * 1.2)
    canvas.light += canvas.range * rng.uniform(0.35, 0.65) * body * (0.5 + rough(rng, canvas, radius / 2))


def nodule(rng, canvas, x, y):
    radius = rng.uniform(0.024, 0.048)
    edge = (canvas.distance(x, y, rng.uniform(0.9, 1.15)) - radius) / (radius * rng.uniform(0.06, 0.2))
    body = 1 / (1 + np.exp(edge.clip(-30, 30)))
    canvas.light += canvas.range * rng.uniform(0.3, 0.65) * body


def effusion(rng, canvas):
    """Fluid up to a line that rises towards the chest wall."""
    level = rng.uniform(0.58, 0.72)
    surface = level - 0.12 * np.exp(-(canvas.x - 0.08).clip(0) * 14)
    body = 1 / (1 + np.exp(-(canvas.y - surface) * 70)) / (1 + np.exp((canvas.x - 0.44) * 60)) / (1 + np.exp(-(canvas.x - 0.07) * 60))
    body *= canvas.y < 0.95
    top = np.percentile(canvas.light, 90)
    canvas.light += body * np.maximum(0, top * rng.uniform(0.85, 1.0) - canvas.light) * rng.uniform(0.75, 0.95)


def pneumothorax(rng, canvas):
    """Air without markings outside a thin line."""
    gap = rng.uniform(0.06, 0.12)
    centre, high, wide = (0.27, 0.46), rng.uniform(0.31, 0.36), rng.uniform(0.165, 0.195)
    outer = np.hypot((canvas.x - centre[0]) / wide, (canvas.y - centre[1]) / high)
    inner = np.hypot((canvas.x - centre[0] - gap * 0.7) / (wide - gap * 0.5), (canvas.y - centre[1] - gap) / (high - gap * 0.6))
    air = (outer < 1) & (inner > 1) & (canvas.y < 0.7)
    soft = np.asarray(Image.fromarray((air * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(2)), np.float32) / 255
    dark = np.percentile(canvas.light, 6)
    canvas.light += soft * (dark - canvas.light) * rng.uniform(0.4, 0.8)
    line = np.exp(-((inner - 1) / 0.02) ** 2) * (outer < 1) * (canvas.y < 0.7)
    canvas.light += canvas.range * 0.3 * line


def pacemaker(rng, canvas):
    """A metal box below the clavicle and a lead that runs to the heart."""
    x, y = rng.uniform(0.2, 0.3), rng.uniform(0.16, 0.26)
    width, height = rng.uniform(0.04, 0.06), rng.uniform(0.035, 0.055)
    box = ((np.abs(canvas.x - x) / width) ** 4 + (np.abs(canvas.y - y) * canvas.aspect / height) ** 4) < 1
    t = np.linspace(0, 1, 300)
    lead_x = x + (0.5 - x) * np.minimum(1, t * 1.6) + 0.1 * np.maximum(0, t - 0.75) * 4 * 0.5
    lead_y = y - 0.06 * np.sin(np.minimum(1, t * 1.6) * np.pi) + np.maximum(0, t - 0.45) * 0.85
    lead = np.zeros(box.shape, bool)
    rows = np.clip((lead_y * box.shape[0]).astype(int), 0, box.shape[0] - 1)
    columns = np.clip((lead_x * box.shape[1]).astype(int), 0, box.shape[1] - 1)
    if canvas.x[0, 0] > 0.5:
        columns = box.shape[1] - 1 - columns
    lead[rows, columns] = True
    thick = Image.fromarray((lead * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(3))
    metal = np.maximum(box * 255.0, np.asarray(thick, np.float32) * 0.8)
    metal = np.asarray(Image.fromarray(metal.astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8)), np.float32) / 255
    bright = min(255, np.percentile(canvas.light, 99) + 25)
    canvas.light += metal * (bright - canvas.light) * rng.uniform(0.85, 1)


def plant(picture, rng):
    """(picture with one lesion, its name, its place as the class of its head)."""
    name = NAMES[int(rng.integers(len(NAMES)))]
    if name in ('opacity', 'nodule'):
        place = PLACES[int(rng.integers(len(PLACES)))]
        side, zone = place.split('_')
        canvas = Canvas(picture, side)
        globals()[name](rng, canvas, rng.uniform(*ACROSS), rng.uniform(*ZONES[zone]))
    else:
        place = SIDES[int(rng.integers(2))]
        canvas = Canvas(picture, place)
        globals()[name](rng, canvas)
    return canvas.done(), name, place
