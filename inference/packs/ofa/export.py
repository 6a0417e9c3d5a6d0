#!/usr/bin/python3
"""Makes a pack of an OFA visual-entailment checkpoint.

    /usr/bin/python3 export.py --from CHECKPOINT_FOLDER --out PACK_FOLDER

The folder is one of HF or ModelScope (pytorch_model.bin, config.json, vocab.json, merges.txt); a fairseq .pt goes by
--from FILE.pt --tokenizer FOLDER, where FOLDER has those two tokenizer files or fairseq's own (dict.txt, encoder.json,
vocab.bpe). Needs Debian's python3-torch, python3-onnx and python3-pil. No network.
"""
import argparse
import json
import os

import onnx
import torch

import checkpoint
import goldens
import half
import words

ANSWERS = ['no', 'yes', 'maybe']
EXTERNAL = 1 << 28          # bytes of weights from which on they go into a file beside the graph

MANIFEST = '''# Written by ofa/export.py.
schema: 1
name: {name}
version: "{version}"
kind: pair_classifier
use: not for clinical use
licence: {licence}
labels: ["no", "yes", "maybe"]
languages: [en]
image: {{size: {size}, resize: {resize}, channels: 3, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}}
text:
  tokenizer: bpe
  files: {{vocab: vocab.json, merges: merges.txt}}
  pad: 1
  max_ids: {max_tokens}
  max_words: {max_words}
  templates:
    alone: ' does the image describe " {{hyp}} "?'
    premise: ' can image and text1 " {{caption}} " imply text2 " {{hyp}} "?'
  decoder_prompt: {prompt}
graphs: {{vision: vision.onnx, score: score.onnx, rows: {rows}}}
calibration: {{temperature: 1, thresholds: {{"yes": 0.5, "no": 0.5}}}} # not calibrated: measure it on own cases
goldens: goldens/goldens.json
card: CARD.md
'''

CARD = '''# {name} {version}

**Not for clinical use.** An OFA visual-entailment checkpoint as it came, exported by Concord in {precision}: {parameters} parameters, d = {d}, {encoder} + {decoder} layers.

- Nobody has measured it on medical pictures for this pack. Measure it on your own cases before it alerts anyone.
- Thresholds and temperature are not calibrated.
- Its published figure used the caption as a premise as well; a sentence without one is off its training.
- English only. Sentences of other languages are judged by their translation, or not at all.
- Licence of the weights, as given at the export: {licence}.
'''


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument('--from', dest='source', required=True)
    p.add_argument('--tokenizer', help='folder with vocab.json and merges.txt; default: the checkpoint folder')
    p.add_argument('--out', required=True)
    p.add_argument('--name', default='ofa')
    p.add_argument('--version', default='1')
    p.add_argument('--licence', default='unknown; see where the checkpoint came from')
    p.add_argument('--precision', choices=['fp32', 'fp16'], default='fp32', help='fp16: half the memory; for a GPU')
    p.add_argument('--size', type=int, default=480)
    p.add_argument('--resize', choices=['exact', 'long_side'], default='exact')
    p.add_argument('--prompt', choices=['prev_output', 'none'], default='prev_output')
    p.add_argument('--max-words', type=int, default=80)
    p.add_argument('--max-tokens', type=int, default=256)
    p.add_argument('--rows', type=int, default=8)
    return p.parse_args()


def answer_ids(vocabulary):
    """The one token of each answer, with its leading blank."""
    try:
        return [vocabulary['Ġ' + answer] for answer in ANSWERS]
    except KeyError as missing:
        raise SystemExit('vocab.json has no token %s' % missing)


def export(module, example, path, precision, inputs, outputs, axes):
    torch.onnx.export(module, example, path, opset_version=17, input_names=inputs, output_names=outputs, dynamic_axes=axes)
    large = os.path.getsize(path) >= EXTERNAL
    if precision == 'fp32' and not large:
        return
    proto = onnx.load(path)
    if precision == 'fp16':
        half.halve(proto)
    data = os.path.basename(path).replace('.onnx', '.data')
    onnx.save(proto, path, save_as_external_data=large, location=data, size_threshold=1024)


def graphs(vision, score, size, precision, out):
    pixels = torch.zeros(1, 3, size, size)
    with torch.no_grad():
        tokens = vision(pixels)
    export(vision, (pixels,), os.path.join(out, 'vision.onnx'), precision, ['pixel_values'], ['image_tokens'],
           {'pixel_values': {0: 'B', 2: 'H', 3: 'W'}, 'image_tokens': {0: 'B', 1: 'N'}})
    ids = torch.tensor([[0, 473, 5, 2274, 2, 1], [0, 473, 5, 2274, 6190, 2]])
    export(score, (tokens, torch.tensor([0, 0]), ids), os.path.join(out, 'score.onnx'), precision,
           ['image_tokens', 'image_index', 'input_ids'], ['logits'],
           {'image_tokens': {0: 'M', 1: 'N'}, 'image_index': {0: 'B'}, 'input_ids': {0: 'B', 1: 'L'}, 'logits': {0: 'B'}})


def main():
    args = arguments()
    if args.size > 42 * 16:
        raise SystemExit('--size %d: the position tables end at 672 pixels' % args.size)
    if os.path.exists(args.out) and os.listdir(args.out):
        raise SystemExit('%s is not empty' % args.out)
    os.makedirs(args.out, exist_ok=True)
    vocabulary = words.write(args.tokenizer or args.source, args.out)
    vision, score, shape = checkpoint.load(args.source, answer_ids(vocabulary), args.prompt)
    graphs(vision, score, args.size, args.precision, args.out)
    goldens.write(args.out, vision, score, vocabulary, args)
    facts = dict(vars(args), licence=json.dumps(args.licence), **shape)
    with open(os.path.join(args.out, 'manifest.yaml'), 'w') as f:
        f.write(MANIFEST.format(**facts))
    parameters = sum(p.numel() for module in (vision, score) for p in module.parameters())
    with open(os.path.join(args.out, 'CARD.md'), 'w') as f:
        f.write(CARD.format(parameters='{:,}'.format(parameters), **dict(facts, licence=args.licence)))
    print('wrote %s: %d parameters' % (args.out, parameters))


if __name__ == '__main__':
    main()
