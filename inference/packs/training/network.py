"""The network, its heads, and the facts that statements are made of."""
import torch
from torch import nn
import torch.nn.functional as F

HEADS = {
    'modality': ['xr', 'ct', 'mr', 'us', 'phantom', 'other'],
    'region': ['chest', 'abdomen', 'head', 'other'],
    'plane': ['axial', 'coronal', 'sagittal', 'frontal', 'other'],
    'view': ['pa', 'ap', 'none'],
    'sequence': ['t1', 't2', 'flair', 'dwi', 'none'],
    'mirror': ['plain', 'mirrored'],
    'upright': ['upright', 'upside_down'],
    'grey': ['normal', 'inverted'],
    'lesion': ['clear', 'lesion', 'none'],
    'side': ['left', 'right', 'none'],
    'height': ['upper', 'middle', 'lower', 'none'],
}

# fact: (classes that make it true, classes that make it false); every other class leaves it open.
MODALITY = {'xr', 'ct', 'mr', 'us'}
REGION = {'chest', 'abdomen', 'head'}


def facts():
    table = {'': ([], [])}
    def add(name, head, yes, no):
        table[name] = ([(head, c) for c in yes], [(head, c) for c in no])
    for m in sorted(MODALITY):
        add(m, 'modality', [m], sorted(MODALITY - {m}) + ([] if m == 'xr' else ['phantom']))
    add('nuclear', 'modality', [], sorted(MODALITY))
    add('mammogram', 'modality', [], ['ct', 'mr', 'us'])
    add('phantom', 'modality', ['phantom'], sorted(MODALITY))
    for r in sorted(REGION):
        add(r, 'region', [r], sorted(REGION - {r}))
    add('pelvis', 'region', [], ['chest', 'head'])
    add('neck', 'region', [], ['abdomen', 'chest'])
    add('upper_spine', 'region', [], ['abdomen', 'head'])
    add('lower_spine', 'region', [], ['chest', 'head'])
    add('limb', 'region', [], ['abdomen', 'chest', 'head'])
    add('axial', 'plane', ['axial'], ['coronal', 'sagittal', 'frontal'])
    add('coronal', 'plane', ['coronal'], ['axial', 'sagittal'])
    add('sagittal', 'plane', ['sagittal'], ['axial', 'coronal', 'frontal'])
    add('frontal', 'plane', ['frontal'], ['axial', 'sagittal'])
    add('lateral', 'plane', [], ['axial', 'coronal', 'frontal'])
    add('pa', 'view', ['pa'], ['ap', 'none'])
    add('ap', 'view', ['ap'], ['pa', 'none'])
    add('t1', 'sequence', ['t1'], ['t2', 'flair', 'dwi', 'none'])
    add('t2', 'sequence', ['t2'], ['t1', 'dwi', 'none'])
    add('flair', 'sequence', ['flair'], ['t1', 't2', 'dwi', 'none'])
    add('dwi', 'sequence', ['dwi'], ['t1', 't2', 'flair', 'none'])
    add('mirrored', 'mirror', ['mirrored'], ['plain'])
    add('upside_down', 'upright', ['upside_down'], ['upright'])
    add('inverted', 'grey', ['inverted'], ['normal'])
    add('lesion', 'lesion', ['lesion'], ['clear'])
    add('clear', 'lesion', ['clear'], ['lesion'])
    for s, t in (('left', 'right'), ('right', 'left')):
        add('lesion_' + s, 'side', [s], [t])
    for h in ('upper', 'middle', 'lower'):
        add('lesion_' + h, 'height', [h], sorted({'upper', 'middle', 'lower'} - {h}))
    return table


class Block(nn.Module):
    """Residual block that halves the grid."""
    def __init__(self, inner, outer):
        super().__init__()
        self.a = nn.Conv2d(inner, outer, 3, 2, 1, bias=False)
        self.na = nn.BatchNorm2d(outer)
        self.b = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.nb = nn.BatchNorm2d(outer)
        self.skip = nn.Conv2d(inner, outer, 1, 2, bias=False)

    def forward(self, x):
        y = F.relu(self.na(self.a(x)))
        return F.relu(self.nb(self.b(y)) + self.skip(x))


class Vision(nn.Module):
    """pixel_values [B, 3, 128, 128] → image_tokens [B, 1, FEATURES]."""
    FEATURES = 216

    def __init__(self, size):
        super().__init__()
        ramp = torch.linspace(-1, 1, size)
        self.register_buffer('place', torch.stack(torch.meshgrid(ramp, ramp, indexing='ij'))[None])
        self.stem = nn.Conv2d(5, 20, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(20)
        self.stages = nn.Sequential(Block(20, 40), Block(40, 80), Block(80, 120))
        self.squeeze = nn.Conv2d(120, 12, 1)
        self.where = nn.Linear(12 * (size // 16) ** 2, 96)

    def forward(self, x):
        x = torch.cat([x, self.place.expand(x.shape[0], -1, -1, -1)], 1)
        x = self.stages(F.relu(self.norm(self.stem(x))))
        grid = F.relu(self.squeeze(x)).flatten(1)
        return torch.cat([x.mean((2, 3)), F.relu(self.where(grid))], 1)[:, None]


class Heads(nn.Module):
    """image_tokens [B, 1, FEATURES] → {head: logits}."""
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(Vision.FEATURES, sum(map(len, HEADS.values())))
        self.drop = nn.Dropout(0.3)

    def forward(self, tokens):
        parts = self.out(self.drop(tokens[:, 0])).split([len(c) for c in HEADS.values()], 1)
        return dict(zip(HEADS, parts))


class Score(nn.Module):
    """image_tokens [M, 1, FEATURES], image_index [B], input_ids [B, L] → logits [B, 3] (no, yes, maybe).

    A statement is a set of facts: it holds as far as its weakest fact does and fails as far as its most
    wrong one does. What neither claims is 'maybe'; so is a fact that is less probable, and less improbable,
    than the bar of its head, and everything about a picture that lies far from all training pictures (distance
    in whitened feature space)."""
    def __init__(self, heads, temperatures, guard, bars):
        super().__init__()
        self.heads = heads
        self.temperatures = temperatures
        for name in ('centre', 'whiten', 'means'):
            self.register_buffer(name, guard[name])
        self.limit, self.slope = guard['limit'], guard['slope']
        yes, no = fact_matrices()
        self.register_buffer('yes', yes)
        self.register_buffer('no', no)
        self.register_buffer('bars', torch.tensor([bars.get(head_of(fact), 0.0) for fact in facts()]))

    def distance(self, features):
        z = (features - self.centre) @ self.whiten
        return ((z[:, None] - self.means[None]) ** 2).mean(2).amin(1).sqrt()

    def forward(self, image_tokens, image_index, input_ids):
        tokens = image_tokens.index_select(0, image_index)
        logits = self.heads(tokens)
        p = torch.cat([torch.softmax(logits[h] / self.temperatures[h], 1) for h in HEADS], 1)[:, None]
        known = torch.sigmoid((self.limit - self.distance(tokens[:, 0])) * self.slope)
        yes, no = (self.yes[input_ids] * p).sum(2), (self.no[input_ids] * p).sum(2)
        certain = (torch.maximum(yes, no) >= self.bars[input_ids]).float()
        yes, no = (yes * certain).amin(1) * known, (no * certain).amax(1) * known
        maybe = 1 - yes - no
        return torch.log(torch.stack([no, yes, maybe], 1).clamp(min=1e-6))


def head_of(fact):
    """The head that a fact is about; the padding is about none."""
    true, false = facts()[fact]
    return (true + false)[0][0] if true or false else ''


def fact_matrices():
    """Which classes make a fact (row) true, and which false; row 0 pads and is always true."""
    columns = [(h, c) for h, classes in HEADS.items() for c in classes]
    table = list(facts().values())
    yes, no = torch.zeros(len(table), len(columns)), torch.zeros(len(table), len(columns))
    yes[0, :len(HEADS['modality'])] = 1
    for row, (true, false) in enumerate(table):
        for pair in true:
            yes[row, columns.index(pair)] = 1
        for pair in false:
            no[row, columns.index(pair)] = 1
    return yes, no
