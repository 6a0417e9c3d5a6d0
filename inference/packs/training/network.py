"""The network, its heads, and the facts that statements are made of."""
import torch
from torch import nn
import torch.nn.functional as F

PLACES = [s + '_' + z for s in ('left', 'right') for z in ('upper', 'middle', 'lower')]
SIDES = ['left', 'right']

# Findings are judged where they were planted: on this project's phantoms, and in real pictures by the trainer. 'other': the
# picture is neither; every real picture as it came is that.
FINDINGS = {
    'opacity': PLACES, 'nodule': PLACES, 'effusion': SIDES, 'pneumothorax': SIDES, 'pacemaker': SIDES, 'liver_cyst': ['there'],
    'renal_cyst': SIDES, 'renal_stone': SIDES, 'gallstone': ['there'], 'polyp': ['there'], 'ulcer': ['there'], 'tumour_nest': ['there'],
}

FACTS = {
    'modality': ['xr', 'ct', 'mr', 'us', 'other'],
    'kind': ['real', 'phantom'],
    'region': ['chest', 'abdomen', 'head', 'other'],
    'plane': ['axial', 'coronal', 'sagittal', 'frontal', 'lateral', 'other'],
    'view': ['pa', 'ap', 'none'],
    'sequence': ['t1', 't2', 'flair', 'dwi', 'none'],
    'mirror': ['plain', 'mirrored'],
    'upright': ['upright', 'upside_down'],
    'grey': ['normal', 'inverted'],
    'quality': ['good', 'blurred', 'noisy'],
}
HEADS = {**FACTS, **{name: ['other', 'none'] + places for name, places in FINDINGS.items()}}

MANY = ('opacity', 'nodule', 'effusion')  # one of them does not exclude another elsewhere; only of a phantom is all known
MODALITY = {'xr', 'ct', 'mr', 'us'}
REGION = {'chest', 'abdomen', 'head'}
WHERE = ('left', 'right', 'upper', 'middle', 'lower')  # words that only a finding gives a meaning


def facts():
    """Fact: (classes that make it true, classes that make it false); every other class leaves it open. The order is that of
    terms.yaml and of the ids."""
    table = {'': ([], [])}
    def add(name, head, yes, no):
        table[name] = ([(head, c) for c in yes], [(head, c) for c in no])
    for m in sorted(MODALITY):
        add(m, 'modality', [m], sorted(MODALITY - {m}))
    add('nuclear', 'modality', [], sorted(MODALITY))
    add('mammogram', 'modality', [], ['ct', 'mr', 'us'])
    add('phantom', 'kind', ['phantom'], ['real'])
    for r in sorted(REGION):
        add(r, 'region', [r], sorted(REGION - {r}))
    add('pelvis', 'region', [], ['chest', 'head'])
    add('neck', 'region', [], ['abdomen', 'chest'])
    add('upper_spine', 'region', [], ['abdomen', 'head'])
    add('lower_spine', 'region', [], ['chest', 'head'])
    add('limb', 'region', [], ['abdomen', 'chest', 'head'])
    add('axial', 'plane', ['axial'], ['coronal', 'sagittal', 'frontal', 'lateral'])
    add('coronal', 'plane', ['coronal'], ['axial', 'sagittal', 'lateral'])
    add('sagittal', 'plane', ['sagittal'], ['axial', 'coronal', 'frontal'])
    add('frontal', 'plane', ['frontal'], ['axial', 'sagittal', 'lateral'])
    add('lateral', 'plane', ['lateral'], ['axial', 'coronal', 'frontal'])
    add('pa', 'view', ['pa'], ['ap', 'none'])
    add('ap', 'view', ['ap'], ['pa', 'none'])
    add('t1', 'sequence', ['t1'], ['t2', 'flair', 'dwi', 'none'])
    add('t2', 'sequence', ['t2'], ['t1', 'dwi', 'none'])
    add('flair', 'sequence', ['flair'], ['t1', 't2', 'dwi', 'none'])
    add('dwi', 'sequence', ['dwi'], ['t1', 't2', 'flair', 'none'])
    add('mirrored', 'mirror', ['mirrored'], ['plain'])
    add('upside_down', 'upright', ['upside_down'], ['upright'])
    add('inverted', 'grey', ['inverted'], ['normal'])
    add('blurred', 'quality', ['blurred'], ['good'])
    add('noisy', 'quality', ['noisy'], ['good'])
    for name, places in FINDINGS.items():
        add(name, name, places, ['none'])
        for word in [w for w in WHERE if any(w in p.split('_') for p in places)] + (places if places == PLACES else []):
            here = [p for p in places if set(word.split('_')) <= set(p.split('_'))]
            add(name + '_' + word, name, here, ['none'] + [p for p in places if p not in here])
    for word in WHERE:
        table[word] = ([], [])
    return table


class Vision(nn.Module):
    """Maps of the backbone at strides 8, 16 and 32 → image_tokens [B, 1, FEATURES]: means over the picture, then what is where."""
    MEANS = 40 + 112 + 112 + 320
    FEATURES = MEANS + 160

    def __init__(self, size):
        super().__init__()
        self.fine = nn.Conv2d(40, 16, 1)
        self.down = nn.Conv2d(16, 24, 3, 2, 1)
        self.middle = nn.Conv2d(112, 24, 1)
        self.join = nn.Conv2d(48, 32, 3, 1, 1)
        self.shrink = nn.Conv2d(32, 32, 3, 2, 1)
        self.coarse = nn.Conv2d(320, 24, 1)
        self.where = nn.Linear(56 * (size // 32) ** 2, 128)
        self.register_buffer('centre', torch.zeros(self.MEANS))
        self.register_buffer('spread', torch.ones(self.MEANS))

    def means(self, maps):
        fine, middle, coarse = maps
        raw = torch.cat([fine.mean((2, 3)), middle.mean((2, 3)), middle.amax((2, 3)), coarse.mean((2, 3))], 1)
        return ((raw - self.centre) / self.spread).clamp(-5, 5)

    def forward(self, maps):
        fine, middle, coarse = maps
        grid = torch.cat([F.relu(self.down(F.relu(self.fine(fine)))), F.relu(self.middle(middle))], 1)
        grid = F.relu(self.join(grid))
        place = torch.cat([F.relu(self.shrink(grid)), F.relu(self.coarse(coarse))], 1).flatten(1)
        return torch.cat([self.means(maps), F.relu(self.where(place)), grid.amax((2, 3))], 1)[:, None]


class Lesions(nn.Module):
    """Half the pixels, in grey, and the maps → [B, 1, FEATURES]: what of the planted is where. Learnt from pixels, as the
    backbone was taught things, not shadows."""
    FEATURES = 40 + 128

    def __init__(self, size):
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, 2, 1)
        self.second = nn.Conv2d(16, 32, 3, 2, 1)
        self.fine = nn.Conv2d(40, 16, 1)
        self.third = nn.Conv2d(48, 40, 3, 2, 1)
        self.middle = nn.Conv2d(112, 24, 1)
        self.fourth = nn.Conv2d(64, 40, 3, 1, 1)
        self.shrink = nn.Conv2d(40, 32, 3, 2, 1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(n) for n in (16, 32, 40, 40))
        self.where = nn.Linear(32 * (size // 32) ** 2, 128)

    def forward(self, grey, maps):
        x = F.relu(self.norms[0](self.first(grey)))
        x = F.relu(self.norms[1](self.second(x)))
        x = F.relu(self.norms[2](self.third(torch.cat([x, F.relu(self.fine(maps[0]))], 1))))
        x = F.relu(self.norms[3](self.fourth(torch.cat([x, F.relu(self.middle(maps[1]))], 1))))
        return torch.cat([x.amax((2, 3)), F.relu(self.where(F.relu(self.shrink(x)).flatten(1)))], 1)[:, None]


def halved(pixel_values):
    """What Lesions sees of a picture: [B, 3, S, S] → [B, 1, S/2, S/2]."""
    return F.avg_pool2d(pixel_values.mean(1, keepdim=True), 2)


class Sight(nn.Module):
    """pixel_values [B, 3, SIZE, SIZE] → image_tokens [B, 1, Vision.FEATURES + Lesions.FEATURES]: the vision graph of the pack."""
    FEATURES = Vision.FEATURES + Lesions.FEATURES

    def __init__(self, backbone, vision, lesions):
        super().__init__()
        self.backbone, self.vision, self.lesions = backbone, vision, lesions

    def forward(self, pixel_values):
        maps = self.backbone(pixel_values)
        return torch.cat([self.vision(maps), self.lesions(halved(pixel_values), maps)], 2)


class Heads(nn.Module):
    """Features [B, 1, n] → {head: logits} of some of the heads."""
    def __init__(self, features, heads):
        super().__init__()
        self.classes = heads
        self.drop = nn.Dropout(0.3)
        self.hidden = nn.Linear(features, 160)
        self.out = nn.Linear(features + 160, sum(map(len, heads.values())))

    def forward(self, tokens):
        x = self.drop(tokens[:, 0])
        x = torch.cat([x, self.drop(F.relu(self.hidden(x)))], 1)
        return dict(zip(self.classes, self.out(x).split([len(c) for c in self.classes.values()], 1)))


class AllHeads(nn.Module):
    """image_tokens → {head: logits} of all heads, in the order of HEADS."""
    def __init__(self, facts_heads, finding_heads):
        super().__init__()
        self.facts, self.findings = facts_heads, finding_heads

    def forward(self, tokens):
        return {**self.facts(tokens[:, :, :Vision.FEATURES]), **self.findings(tokens[:, :, Vision.FEATURES:])}


class Score(nn.Module):
    """image_tokens [M, 1, Sight.FEATURES], image_index [B], input_ids [B, L] → logits [B, 3] (no, yes, maybe).

    A statement is a set of facts: it holds as far as its weakest fact does and fails as far as its most
    wrong one does. What neither claims is 'maybe'; so is a fact that is less probable, and less improbable,
    than the bar of its head, and everything about a picture that lies far from all training pictures (distance
    in whitened feature space). Of a real picture no opacity, nodule or effusion is denied."""
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
        self.register_buffer('many', torch.tensor([float(head_of(fact) in MANY) for fact in facts()]))
        self.phantom = columns().index(('kind', 'phantom'))

    def distance(self, features):
        z = (features[:, :Vision.MEANS] - self.centre) @ self.whiten
        return ((z[:, None] - self.means[None]) ** 2).mean(2).amin(1).sqrt()

    def forward(self, image_tokens, image_index, input_ids):
        tokens = image_tokens.index_select(0, image_index)
        logits = self.heads(tokens)
        p = torch.cat([torch.softmax(logits[h] / self.temperatures[h], 1) for h in HEADS], 1)[:, None]
        known = torch.sigmoid((self.limit - self.distance(tokens[:, 0])) * self.slope)
        yes, no = (self.yes[input_ids] * p).sum(2), (self.no[input_ids] * p).sum(2)
        no = no * (1 - self.many[input_ids] * (1 - p[:, :, self.phantom]))
        certain = (torch.maximum(yes, no) >= self.bars[input_ids]).float()
        yes, no = (yes * certain).amin(1) * known, (no * certain).amax(1) * known
        maybe = 1 - yes - no
        return torch.log(torch.stack([no, yes, maybe], 1).clamp(min=1e-6))


def head_of(fact):
    """The head that a fact is about; the padding and a bare place are about none."""
    true, false = facts()[fact]
    return (true + false)[0][0] if true or false else ''


def columns():
    """(head, class) of each column of all heads' classes."""
    return [(h, c) for h, classes in HEADS.items() for c in classes]


def fact_matrices():
    """Which classes make a fact (row) true, and which false; row 0 pads and is always true."""
    table, place = list(facts().values()), columns()
    yes, no = torch.zeros(len(table), len(place)), torch.zeros(len(table), len(place))
    yes[0, :len(HEADS['modality'])] = 1
    for row, (true, false) in enumerate(table):
        for pair in true:
            yes[row, place.index(pair)] = 1
        for pair in false:
            no[row, place.index(pair)] = 1
    return yes, no
