#!/usr/bin/python3
"""Makes the graphs, pictures and goldens of the packs here, from a fixed seed, after tokens.py.

Needs Debian's python3-torch, python3-onnx, python3-numpy and python3-pil."""
import hashlib
import json

import numpy as np
import torch
from PIL import Image
from torch import nn

SIZE, WIDTH = 16, 8
ANSWERS = {'no': [290, 2], 'yes': [290, 291, 2], 'maybe': [292, 2]}  # they part at the first id, and 'no' and 'yes' at the second
torch.manual_seed(9)


class Vision(nn.Module):
    """Means of the picture's quarters, tokens × WIDTH of them."""

    def __init__(self, tokens, flat=False, unit=False):
        super().__init__()
        self.tokens, self.flat, self.unit = tokens, flat, unit
        self.out = nn.Linear(16, tokens * WIDTH)

    def forward(self, pixel_values):
        patches = nn.functional.avg_pool2d(pixel_values, SIZE // 4).flatten(1)
        x = torch.tanh(2 * self.out(patches))
        if self.unit:
            x = nn.functional.normalize(x, dim=-1)
        return x if self.flat else x.view(-1, self.tokens, WIDTH)


class ClipText(nn.Module):
    """The mean of the embeddings up to the first of the largest ids, as CLIP finds the end of a text."""

    def __init__(self, words):
        super().__init__()
        self.words, self.out = nn.Embedding(words, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, input_ids):
        end = input_ids.argmax(-1, keepdim=True)
        mask = (torch.arange(input_ids.shape[1]) <= end).float()[..., None]
        return self.out((self.words(input_ids) * mask).sum(1) / mask.sum(1))


class BertText(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.words, self.out = nn.Embedding(words, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, input_ids, attention_mask):
        mask = attention_mask.float()[..., None]
        return nn.functional.normalize(self.out((self.words(input_ids) * mask).sum(1) / mask.sum(1)), dim=-1)


class Decoder(nn.Module):
    """What comes after the last decoder id that is no pad: every id before it, the picture and the text take part."""

    def __init__(self, words, pad=1):
        super().__init__()
        self.pad = pad
        self.words, self.out = nn.Embedding(words, WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, image_tokens, image_index, input_ids, decoder_ids):
        picture = image_tokens[image_index].mean(1)
        mask = (input_ids != self.pad).float()[..., None]
        text = (self.words(input_ids) * mask).sum(1) / mask.sum(1)
        known = (decoder_ids != self.pad).float()
        place = (1 + torch.arange(decoder_ids.shape[1]).float()) * known
        before = (self.words(decoder_ids) * place[..., None]).sum(1) / place.sum(1, keepdim=True)
        last = (known.sum(1).long() - 1)[:, None, None].expand(-1, 1, WIDTH)
        x = torch.cat([picture, text, before, self.words(decoder_ids).gather(1, last)[:, 0]], -1)
        return torch.tanh(2 * self.out(x)) @ self.words.weight.T


class Score(nn.Module):
    """Decoder after the ids without the last, for three ids: what an OFA pack's score graph is."""

    def __init__(self, decoder, ids):
        super().__init__()
        self.decoder, self.ids = decoder, ids

    def forward(self, image_tokens, image_index, input_ids):
        length = (input_ids != self.decoder.pad).sum(1, keepdim=True)
        decoder_ids = torch.where(torch.arange(input_ids.shape[1]) < length - 1, input_ids, torch.full_like(input_ids, self.decoder.pad))
        return self.decoder(image_tokens, image_index, input_ids, decoder_ids)[:, self.ids]


def export(model, path, inputs, output, dynamic):
    torch.onnx.export(model.eval(), tuple(inputs.values()), path, opset_version=17, input_names=list(inputs), output_names=[output],
                      dynamic_axes={**dynamic, output: {0: 'B'}})


def ids(*lists, pad=1):
    width = max(map(len, lists))
    return torch.tensor([x + [pad] * (width - len(x)) for x in lists])


def pictures():
    """PNGs beside each pack's goldens; the values that the packs make of them."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    planes = {'slope.png': 15 * x + y, 'rings.png': (x - 7) ** 2 * 2 + (y - 9) ** 2 * 2, 'dark.png': (x * y) % 40}
    return {name: np.clip(p, 0, 255).astype(np.uint8) for name, p in planes.items()}


def values(picture):
    return ((picture.astype(np.float32) / np.float32(255)) - np.float32(0.5)) / np.float32(0.5)


def goldens(folder, probabilities, mode):
    """probabilities(picture values, ids) → no, yes, maybe."""
    images, cases = {}, []
    for name, picture in pictures().items():
        Image.fromarray(picture).save(f'{folder}/{name}')
        v = values(picture)
        images[name] = {'pixel_values': {'shape_chw': [1, SIZE, SIZE], 'sha256_f32le': hashlib.sha256(v.astype('<f4').tobytes()).hexdigest()}}
        for said, prompt in prompts[folder].items():
            with torch.no_grad():
                p = probabilities(torch.from_numpy(v)[None, None], prompt)
            cases.append({'image': name, 'statement': said, 'image_only': {'ids': prompt, 'scores': {mode: {'probabilities': [round(float(q), 9) for q in p]}}}})
    json.dump({'answers': ['no', 'yes', 'maybe'], 'tolerance': 1e-6, 'images': images, 'cases': cases}, open(folder + '/goldens.json', 'w'), indent=0)


def contrastive(folder, vision, text, scale, bias, masked):
    batch = {'input_ids': ids(*[[2, 4, 3], [2, 3]], pad=0)}
    axes = {'input_ids': {0: 'B', 1: 'L'}}
    if masked:
        batch['attention_mask'] = torch.ones_like(batch['input_ids'])
        axes['attention_mask'] = axes['input_ids']
    export(vision, folder + '/vision.onnx', {'pixel_values': torch.rand(2, 1, SIZE, SIZE)}, 'image_tokens', {'pixel_values': {0: 'B'}})
    export(text, folder + '/text.onnx', batch, 'text_embedding', axes)

    def probabilities(pixels, prompt):
        a = vision(pixels).reshape(-1).double().numpy()
        b = text(*[torch.tensor([prompt]), torch.ones(1, len(prompt))][:1 + masked])[0].double().numpy()
        p = 1 / (1 + np.exp(-(a @ b / np.linalg.norm(a) / np.linalg.norm(b) * scale + bias)))
        return [0, p, 1 - p]
    goldens(folder, probabilities, 'none')


def choice():
    vision, decoder = Vision(3), Decoder(len(json.load(open('choice/vocab.json'))))
    export(vision, 'choice/vision.onnx', {'pixel_values': torch.rand(2, 1, SIZE, SIZE)}, 'image_tokens', {'pixel_values': {0: 'B'}})
    both = {'image_tokens': torch.rand(2, 3, WIDTH), 'image_index': torch.tensor([0, 1, 1]), 'input_ids': ids([0, 5, 6, 2], [0, 2], [0, 7, 2])}
    axes = {'image_tokens': {0: 'M'}, 'image_index': {0: 'B'}, 'input_ids': {0: 'B', 1: 'L'}}
    export(Score(decoder, [347, 345, 351]), 'choice/score.onnx', both, 'logits', axes)
    export(decoder, 'choice/decoder.onnx', {**both, 'decoder_ids': ids([0, 5, 6], [0], [0, 7])}, 'next_logits', {**axes, 'decoder_ids': {0: 'B', 1: 'D'}})

    def probabilities(pixels, prompt):
        out = {label: 1.0 for label in ANSWERS}
        for label, answer in ANSWERS.items():  # one run a step, the softmax over what may follow
            for n, word in enumerate(answer):
                follow = sorted({a[n] for a in ANSWERS.values() if len(a) > n and a[:n] == answer[:n]})
                logits = decoder(vision(pixels), torch.tensor([0]), torch.tensor([prompt]), torch.tensor([prompt[:-1] + answer[:n]]))[0, follow].double()
                out[label] *= float(torch.softmax(logits, 0)[follow.index(word)])
        return [out['no'], out['yes'], out['maybe']]
    goldens('choice', probabilities, 'prev_output')


prompts = json.load(open('prompts.json'))
contrastive('clip', Vision(1, flat=True), ClipText(len(json.load(open('clip/vocab.json')))), 8, -1.5, masked=False)
contrastive('bert', Vision(1, unit=True), BertText(len(open('bert/vocab.txt').read().splitlines())), 6, 0, masked=True)
choice()
