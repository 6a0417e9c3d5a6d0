#!/usr/bin/env python3
"""Makes the tiny vocabularies of the packs here, and what Hugging Face's tokenizers (PyPI) makes of texts with them.

Run it first, then graphs.py."""
import json
import random

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

WORDS = 'a radiograph showing pleural effusion left right lung pneumonia does the image describe cardiomegaly'.split()
TEXTS = [
    'Pleural effusion', 'a radiograph showing  LEFT pleural effusions.', 'Pneumonia; cardiomegaly!?', "it's the lung's 12.5 cm nodule",
    'Épanchement pleural à gauche, naïve Å', '左肺胸腔积液 and 肺炎', 'tab\there\nand\u00a0there\u3000wide', 'zero\u0000width\u200bjoin\ufffdx\u00adsoft',
    '\u0130stanbul \u039f\u0394\u039f\u03a3', 'a' * 120, '', ' ', '...', '[CLS] x [SEP]', '<s> </s> <start>', "''s 'll 're we've", 'x²½Ⅷ٣',
    '한국어 조각', 'e\u0301 cole\u0301', '$1+2=3~^`|', '😀 lung 😀😀', 'co-operate—dash “quoted”', '\U00020000\u2028\u2029line', "'", "d'lung'd", '㐀豈々〆', '\u1e9e\u00df',
]


def random_texts():
    draw = random.Random(7)
    signs = "abcdelungsprif ALE  '.,-!12٣é\u0301ñİ肺炎、。\t\u00a0\u200b😀한ßΣς"
    return [''.join(draw.choice(signs) for _ in range(draw.randrange(1, 40))) for _ in range(60)]


def letters():
    keep = [*range(33, 127), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in keep]
    return [chr(b) for b in keep] + [chr(256 + i) for i in range(len(rest))]


def merges_of(words, ending):
    """Joins each word from its left."""
    out = []
    for word in words:
        pieces = list(word[:-1]) + [word[-1] + ending]
        while len(pieces) > 1:
            if tuple(pieces[:2]) not in out:
                out.append(tuple(pieces[:2]))
            pieces[:2] = [pieces[0] + pieces[1]]
    return out


def save_bpe(folder, vocab, merges):
    json.dump(vocab, open(folder + '/vocab.json', 'w'), ensure_ascii=True, separators=(',', ':'))
    with open(folder + '/merges.txt', 'w') as f:
        f.write('#version: 0.2\n' + ''.join(f'{a} {b}\n' for a, b in merges))


def clip():
    merges = merges_of(WORDS, '</w>')
    pieces = letters() + [c + '</w>' for c in letters()] + [a + b for a, b in merges] + ['<|startoftext|>', '<|endoftext|>']
    vocab = {p: i for i, p in enumerate(dict.fromkeys(pieces))}
    save_bpe('clip', vocab, merges)
    t = Tokenizer(models.BPE(vocab, merges, unk_token='<|endoftext|>', continuing_subword_prefix='', end_of_word_suffix='</w>'))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r'\s+'), ' '), normalizers.Lowercase()])
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), 'removed', invert=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return t, [vocab['<|startoftext|>']], [vocab['<|endoftext|>']]


def bert(lower):
    chars = 'abcdefghijklmnopqrstuvwxyz0123456789'
    pieces = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', *WORDS, *"!'.,-;?[]<>/$+=~^`|", *'肺炎左胸', *chars, *('##' + c for c in chars),
              '##s', '##ural', 'pl', 'ple', '##ion', 'A', 'L', 'E', 'É', 'é', 'ß', '##ß', 'à', 'ᄒ', '##ᅡ', '##ᆫ', '²', '##½', '😀']
    pieces = list(dict.fromkeys(pieces))
    with open('bert/vocab.txt', 'w') as f:
        f.write('\n'.join(pieces) + '\n')
    t = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token='[UNK]', max_input_chars_per_word=100))
    t.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=lower, lowercase=lower)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return t, [2], [3]


def choice():
    merges = [*merges_of(['Ġ' + w for w in WORDS], ''), ('Ġ', 'y'), ('Ġy', 'e'), ('Ġye', 's'), ('Ġ', 'n'), ('Ġn', 'o'), ('Ġ', 'm'), ('Ġm', 'a'),
              ('Ġma', 'y'), ('b', 'e')]
    vocab = {p: i for i, p in enumerate(dict.fromkeys(['<s>', '<pad>', '</s>', '<unk>', *letters(), *(a + b for a, b in merges)]))}
    save_bpe('choice', vocab, merges)
    t = Tokenizer(models.BPE(vocab, merges, unk_token='<unk>'))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return t, [0], [2]


texts = TEXTS + random_texts()
expected = {'texts': texts}
prompts = {}
SAID = ['left pleural effusion', 'pneumonia', 'cardiomegaly', 'a lung nodule 12 cm']
for name, (tokenizer, start, end), template in [
        ('clip', clip(), 'a radiograph showing {hyp}'), ('bert', bert(True), 'a radiograph showing {hyp}'),
        ('bert_cased', bert(False), None), ('choice', choice(), ' does the image describe " {hyp} "?')]:
    expected[name] = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    if template:
        prompts[name] = {s: start + tokenizer.encode(template.replace('{hyp}', s), add_special_tokens=False).ids + end for s in SAID}
json.dump(expected, open('tokens.json', 'w'), separators=(',', ':'))
json.dump(prompts, open('prompts.json', 'w'), indent=0)
