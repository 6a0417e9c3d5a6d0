#!/usr/bin/python3
"""Writes Chinese statements of known truth, as radiologists write them, for `concord eval --extraction`.

    /usr/bin/python3 chinese.py --data ../../../../shared/data --phantoms DIR --out zh.tsv

Over the real pictures of data.tsv that come from pairs: how each was made, once right and once with one slip, by templates
with the modifiers that reports have. Over the phantoms of `concord phantom --out DIR`: their Chinese statements with modifiers.
"""
import argparse
import csv
import glob
import json
import os

import numpy as np

REGION = {'chest': ['胸部'], 'abdomen': ['腹部', '上腹部'], 'head': ['头颅', '颅脑']}
PLANE = {'axial': ['横断面', '轴位', '横轴位'], 'coronal': ['冠状面', '冠状位'], 'sagittal': ['矢状面', '矢状位']}
VIEW = {'pa': ['后前位', '正位'], 'ap': ['前后位', '正位'], 'none': ['正位']}
SEQUENCE = {'t1': ['T1WI', 'T1加权'], 't2': ['T2WI', 'T2加权'], 'flair': ['FLAIR'], 'dwi': ['DWI']}
TEMPLATES = {
    'ct': ['采用64排螺旋CT对{region}行{plane}扫描，层厚5mm，图像质量良好。', '本次检查为{region}CT{plane}图像，窗宽、窗位设置适当，解剖结构显示清晰。',
           '所提供影像为一幅{region}CT{plane}断层图像，扫描范围符合要求。', '此图系{region}螺旋CT{plane}层面，对比度尚可，图像清晰。',
           '行{region}CT{plane}薄层扫描并重建，显示满意。'],
    'mr': ['行{region}MRI检查，此为{plane}{sequence}图像，信噪比良好。', '本图为{region}磁共振{plane}{sequence}序列，图像清晰，对比度好。',
           '采用1.5T超导型磁共振对{region}行{plane}{sequence}扫描，图像质量满足诊断要求。', '所示为{region}MR{plane}{sequence}像，灰白质对比清晰。'],
    'xr': ['本片为{region}{view}X线摄影片，曝光适度，体位标准。', '摄{region}{view}X线片一张，投照条件满意，图像清晰。',
           '{region}DR{view}检查，吸气充分，双侧对称显示。', '此图系{region}数字化X线{view}投照所得，摄片质量良好。'],
}
SLIPS = {'ct': ['region', 'plane', 'modality'], 'mr': ['region', 'plane', 'modality', 'sequence'], 'xr': ['region', 'modality']}
PHANTOM = {
    'opacity': '，边缘模糊，密度不均匀', 'nodule': '，边界清楚，密度较均匀', 'effusion': '，量约中等', 'pneumothorax': '，范围较局限',
    'pacemaker': '，位置居皮下', 'liver cyst': '，边缘锐利，形态规则', 'renal cyst': '，边界清楚，壁薄', 'renal stone': '，呈高密度，边缘清楚',
    'gallstone': '，大小约数毫米', 'polyp': '，表面光滑，色红', 'ulcer': '，边界尚清', 'tumour nest': '，排列紊乱，大小不一',
}


def other(table, name, rng):
    return str(rng.choice(sorted(set(table) - {name})))


def technique(row, slip, rng):
    """A sentence about how a picture was made, with one slip or none; of a sequence that is not known nothing is said."""
    facts = {k: row[k] for k in ('modality', 'region', 'plane', 'view', 'sequence')}
    if slip == 'modality':
        facts['modality'] = other(TEMPLATES, facts['modality'], rng)
    elif slip:
        facts[slip] = other({'region': REGION, 'plane': PLANE, 'sequence': SEQUENCE}[slip], facts[slip], rng)
    pick = lambda table, name: str(rng.choice(table[name])) if name in table else ''
    return str(rng.choice(TEMPLATES[facts['modality']])).format(
        region=pick(REGION, facts['region']), plane=pick(PLANE, facts['plane']), view=pick(VIEW, facts['view']), sequence=pick(SEQUENCE, facts['sequence']))


def real(data, rng):
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, 'data.tsv'), encoding='utf-8') as f:
        for row in csv.DictReader(f, delimiter='\t'):
            if not row['file'].startswith('pairs/') or row['modality'] not in TEMPLATES or row['region'] not in REGION:
                continue
            slips = [s for s in SLIPS[row['modality']] if row[s] not in ('?', 'none', 'other')]
            for slip in (None, str(rng.choice(slips))):
                yield (os.path.abspath(os.path.join(data, row['file'])), technique(row, slip, rng), 'no' if slip else 'yes',
                       'real, ' + (slip or 'right'), row['modality'])


def phantoms(folder):
    modalities = {'chest': 'CR', 'ct-chest': 'CT', 'ct-abdomen': 'CT', 'ultrasound': 'US', 'endoscopy': 'ES', 'pathology': 'GM'}
    for path in sorted(glob.glob(os.path.join(folder, '*', 'truth.json'))):
        with open(path, encoding='utf-8') as f:
            study = json.load(f)
        shown = {f['name']: f['object'] for f in study['findings']}
        said = {}
        for report in study['reports']:
            if report['language'] == 'zh':
                said.update((s['text'], s) for s in report['statements'] if s['about'] in PHANTOM)
        for text, s in said.items():
            picture = os.path.join(os.path.dirname(path), '%03d.dcm' % (1 + shown.get(s['about'], len(study['objects']) // 2)))
            modified = text.replace('未见', '未见明显') if '未见' in text else text[:-1] + PHANTOM[s['about']] + '。'
            yield os.path.abspath(picture), modified, 'yes' if s['true'] else 'no', 'phantom, ' + study['kind'], modalities[study['kind']]


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--data', required=True)
    p.add_argument('--phantoms', help='folder that concord phantom wrote')
    p.add_argument('--out', required=True)
    p.add_argument('--seed', type=int, default=1)
    args = p.parse_args()
    rows = list(real(args.data, np.random.default_rng(args.seed)))
    if args.phantoms:
        rows += phantoms(args.phantoms)
    with open(args.out, 'w', encoding='utf-8', newline='') as f:
        out = csv.writer(f, delimiter='\t', lineterminator='\n')
        out.writerow(['image', 'statement', 'label', 'category', 'modality'])
        out.writerows(rows)


if __name__ == '__main__':
    main()
