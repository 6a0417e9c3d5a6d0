"""Writes the pack: graphs, manifest, terms, goldens, card."""
import hashlib
import json
import os
import shutil

import numpy as np
import torch
from PIL import Image

import card
import phantoms
from network import Sight, facts
from pictures import (CROP_LEVEL, CROP_SHARE, MEAN, SIZE, STD, WINDOW_HIGH, WINDOW_LOW, normalise, prepare)

HERE = os.path.dirname(os.path.abspath(__file__))
NAME, VERSION = 'concord-facts', '2.0.0'

MANIFEST = '''# Written by training/train.py; do not edit.
schema: 1
name: {name}
version: {version}
kind: pair_classifier
use: not for clinical use
licence: Apache-2.0
labels: ["no", "yes", "maybe"]
languages: [en, zh]
image:
  size: {size}
  resize: letterbox
  channels: 3
  mean: [{mean}, {mean}, {mean}]
  std: [{std}, {std}, {std}]
  crop: {{level: {level}, share: {share}}}
  window: {{low: {low}, high: {high}}}
text:
  tokenizer: terms
  files: {{terms: terms.yaml}}
  pad: 0
  max_ids: 16
graphs: {{vision: vision.onnx, score: score.onnx, rows: 256}}
calibration:
  temperature: 1 # each head's own temperature is in the score graph
  thresholds: {{"yes": {threshold:.2f}, "no": {threshold:.2f}}}
goldens: goldens/goldens.json
card: CARD.md
'''

# Statements of the goldens, with the facts that they come to.
STATEMENTS = [
    ('Chest radiograph.', 'en', ['chest', 'xr']),
    ('胸部正位片', 'zh', ['xr', 'chest', 'frontal']),
    ('Axial CT of the head.', 'en', ['axial', 'ct', 'head']),
    ('头颅CT轴位', 'zh', ['head', 'ct', 'axial']),
    ('Patchy opacity in the left lower zone.', 'en', ['opacity_left_lower']),
    ('This is a T2-weighted MRI.', 'en', ['mr', 't2']),
]


def check_terms():
    """The facts of terms.yaml are those of the network, in its order."""
    names = [line.split('name: ')[1].split(',')[0] for line in open(os.path.join(HERE, 'terms.yaml'))
             if line.startswith('  - {name: ')]
    assert names == list(facts())[1:], 'terms.yaml does not list the facts of network.py'


def write(out, backbone, final, figures, args, rows):
    check_terms()
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(os.path.join(out, 'goldens'))
    sight, score = Sight(backbone, final[0][0], final[1][0]).eval(), figures['score']
    graphs(out, sight, score)
    with open(os.path.join(out, 'manifest.yaml'), 'w') as f:
        f.write(MANIFEST.format(name=NAME, version=VERSION, size=SIZE, mean=MEAN, std=STD, level=CROP_LEVEL, share=CROP_SHARE,
                                low=WINDOW_LOW, high=WINDOW_HIGH, threshold=figures['threshold']))
    shutil.copyfile(os.path.join(HERE, 'terms.yaml'), os.path.join(out, 'terms.yaml'))
    goldens(os.path.join(out, 'goldens'), sight, score, golden_pictures(rows, args.seed))
    text = card.text(NAME, VERSION, figures, args, rows)
    with open(os.path.join(out, 'CARD.md'), 'w') as f:
        f.write(text)
    print(text)


def graphs(out, sight, score):
    torch.onnx.export(sight, (torch.zeros(1, 3, SIZE, SIZE),), os.path.join(out, 'vision.onnx'), opset_version=17,
                      input_names=['pixel_values'], output_names=['image_tokens'],
                      dynamic_axes={'pixel_values': {0: 'B'}, 'image_tokens': {0: 'B'}})
    torch.onnx.export(score, (torch.zeros(2, 1, Sight.FEATURES), torch.tensor([0, 1, 1]), torch.ones(3, 2, dtype=torch.long)),
                      os.path.join(out, 'score.onnx'), opset_version=17,
                      input_names=['image_tokens', 'image_index', 'input_ids'], output_names=['logits'],
                      dynamic_axes={'image_tokens': {0: 'M'}, 'image_index': {0: 'B'}, 'input_ids': {0: 'B', 1: 'L'},
                                    'logits': {0: 'B'}})


def golden_pictures(rows, seed):
    """Made pictures only: two chest phantoms, a sector, a stranger with colours, a film with a border."""
    rng = np.random.default_rng(seed + 1000)
    chests = [r['picture'] for r in rows if r['group'].startswith('phantom:') and r['modality'] == 'xr']
    chests = [p.convert('L').resize((214, 250), Image.BICUBIC) for p in chests[:3]]
    yield 'phantom1.png', chests[0]
    yield 'phantom2.png', chests[1].resize((311, 190), Image.NEAREST)
    yield 'sector.png', phantoms.ultrasound(rng)
    yield 'drawing.png', phantoms.drawing(rng, 201, 97)
    film = Image.new('L', (260, 320))
    film.paste(chests[2], (21, 37))
    yield 'border.png', film


@torch.no_grad()
def goldens(folder, sight, score, pictures):
    names, images, cases = list(facts()), {}, []
    for name, picture in pictures:
        picture.save(os.path.join(folder, name))
        pixels = normalise(prepare(Image.open(os.path.join(folder, name))))
        images[name] = {'pixel_values': {'shape_chw': list(pixels.shape),
                                         'sha256_f32le': hashlib.sha256(pixels.astype('<f4').tobytes()).hexdigest()}}
        tokens = sight(torch.from_numpy(pixels)[None])
        for text, language, wanted in STATEMENTS:
            ids = [names.index(f) for f in wanted]
            p = torch.softmax(score(tokens, torch.tensor([0]), torch.tensor([ids])), 1)[0]
            cases.append({'image': name, 'statement': text, 'language': language,
                          'image_only': {'ids': ids, 'scores': {'none': {'probabilities': [float(v) for v in p]}}}})
    with open(os.path.join(folder, 'goldens.json'), 'w') as f:
        json.dump({'what': 'made by training/train.py in PyTorch', 'answers': ['no', 'yes', 'maybe'],
                   'images': images, 'cases': cases}, f, ensure_ascii=False, indent=1)
