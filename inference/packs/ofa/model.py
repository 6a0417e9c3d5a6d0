"""OFA's vision and score graphs, written anew for export (OFA: arXiv 2202.03052).

Vision: pixel_values [B, 3, H, W] → image_tokens [B, N, d + 1]: the patch embeddings and, as the last column, the
number of each patch's position, y · 42 + x + 1, so that the score graph knows the grid.
Score: image_tokens [M, N, d + 1] of one grid, image_index [B], input_ids [B, L] → logits [B, answers].
"""
import math

import torch
from torch import nn
import torch.nn.functional as F

PAD = 1
GRID = 42                # positions of an image a side
TEXT_BUCKETS, TEXT_POSITIONS = 256, 1024
MASKED = -1e4


class Bottleneck(nn.Module):
    """ResNet v1.5 block: the stride is in the 3 × 3 convolution."""
    def __init__(self, inner, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride != 1 or inner != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(inner, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """The first three stages: 1024 channels at a sixteenth of the size."""
    def __init__(self, blocks):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        inner = 64
        for number, count in enumerate(blocks):
            width, stages = 64 << number, []
            for i in range(count):
                stages.append(Bottleneck(inner, width, 2 if number and i == 0 else 1))
                inner = 4 * width
            setattr(self, 'layer%d' % (number + 1), nn.Sequential(*stages))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer3(self.layer2(self.layer1(x)))


class Vision(nn.Module):
    def __init__(self, blocks, d):
        super().__init__()
        self.embed_images = ResNet(blocks)
        self.image_proj = nn.Linear(1024, d)
        self.patch_layernorm_embedding = nn.LayerNorm(d)
        self.image_type = nn.Parameter(torch.zeros(d))

    def forward(self, pixels):
        x = self.embed_images(pixels)
        batch, height, width = x.shape[0], x.shape[2], x.shape[3]
        tokens = self.patch_layernorm_embedding(self.image_proj(x.flatten(2).transpose(1, 2)) + self.image_type)
        place = torch.arange(height)[:, None] * GRID + torch.arange(width)[None] + 1
        place = place.reshape(1, -1, 1).to(tokens.dtype).expand(batch, -1, -1)
        return torch.cat([tokens, place], 2)


class Attention(nn.Module):
    """q_proj holds the scale and out_proj the heads' weights c_attn: checkpoint.py folds them in."""
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(d, d) for _ in range(4))

    def forward(self, query, memory, bias):
        q, k, v = split(self.q_proj(query), self.heads), split(self.k_proj(memory), self.heads), split(self.v_proj(memory), self.heads)
        x = torch.softmax(q @ k.transpose(2, 3) + bias, 3) @ v
        return self.out_proj(x.transpose(1, 2).flatten(2))


def split(x, heads):
    """[..., T, d] → [..., heads, T, d / heads]"""
    return x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads).transpose(-2, -3)


class Layer(nn.Module):
    """Pre-norm layer with a norm after each attention and inside the feed-forward part; cross attention in a decoder."""
    def __init__(self, d, inner, heads, cross):
        super().__init__()
        self.self_attn = Attention(d, heads)
        self.self_attn_layer_norm, self.self_attn_mid_layer_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        if cross:
            self.cross_attn = Attention(d, heads)
            self.cross_attn_layer_norm, self.cross_attn_mid_layer_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.fc1, self.fc2 = nn.Linear(d, inner), nn.Linear(inner, d)
        self.ffn_layer_norm, self.final_layer_norm = nn.LayerNorm(inner), nn.LayerNorm(d)

    def forward(self, x, bias, memory=None, cross_bias=None):
        y = self.self_attn_layer_norm(x)
        x = x + self.self_attn_mid_layer_norm(self.self_attn(y, y, bias))
        if memory is not None:
            x = x + self.cross_attn_mid_layer_norm(self.cross_attn(self.cross_attn_layer_norm(x), memory, cross_bias))
        return x + self.fc2(self.ffn_layer_norm(F.gelu(self.fc1(self.final_layer_norm(x)))))


def text_buckets():
    """Row of the text table for each q − k from −1023 to 1023: exact near by, logarithmic beyond."""
    distance = torch.arange(1 - TEXT_POSITIONS, TEXT_POSITIONS)
    middle = TEXT_BUCKETS // 2
    far = distance.abs().clamp(min=middle - 1).float()
    log = torch.ceil(torch.log(far / middle) / math.log((TEXT_POSITIONS - 1) / middle) * (middle - 1)) + middle
    bucket = torch.where(distance.abs() <= middle, distance, log.long() * distance.sign())
    return bucket + TEXT_BUCKETS - 1


class Stack(nn.Module):
    """Encoder or decoder: its layers, its tables of relative positions and its absolute ones."""
    def __init__(self, shape, cross):
        super().__init__()
        d, heads, count = shape['d'], shape['heads'], shape['decoder' if cross else 'encoder']
        self.heads = heads
        self.layers = nn.ModuleList(Layer(d, shape['inner'], heads, cross) for _ in range(count))
        self.token_rel_pos_table_list = nn.ModuleList(nn.Embedding(2 * TEXT_BUCKETS - 1, heads) for _ in range(count))
        self.layernorm_embedding, self.layer_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.embed_positions, self.pos_ln = nn.Embedding(TEXT_POSITIONS + 2, d), nn.LayerNorm(d)
        names = ('self_pos_q', 'self_pos_k', 'cross_pos_q', 'cross_pos_k') if cross else ('pos_q', 'pos_k')
        for name in names:
            setattr(self, name + '_linear', nn.Linear(d, d))
        if not cross:
            self.type_embedding = nn.Embedding(2, d)
            self.embed_image_positions, self.image_pos_ln = nn.Embedding(GRID * GRID + 1, d), nn.LayerNorm(d)
            self.image_rel_pos_table_list = nn.ModuleList(nn.Embedding((2 * GRID - 1) ** 2 + 3, heads) for _ in range(count))

    def positions(self, length):
        return self.pos_ln(self.embed_positions.weight[:length])

    def product(self, q, k):
        """[T, d] and [S, d] → [heads, T, S]"""
        return split(q, self.heads) @ split(k, self.heads).transpose(1, 2)


class Score(nn.Module):
    def __init__(self, shape, answers, prompt):
        super().__init__()
        self.embed_tokens = nn.Embedding(shape['words'], shape['d'])
        self.encoder, self.decoder = Stack(shape, False), Stack(shape, True)
        self.prompt = prompt
        self.register_buffer('answers', torch.tensor(answers))
        self.register_buffer('buckets', text_buckets())

    def forward(self, image_tokens, image_index, input_ids):
        places = image_tokens[0, :, -1].long()
        image = image_tokens[:, :, :-1].index_select(0, image_index)
        near = torch.arange(input_ids.shape[1])
        near = self.buckets[near[:, None] - near[None] + TEXT_POSITIONS - 1]
        words = self.embed_tokens(input_ids)
        memory, positions, hidden = self.encode(image, places, words, near, input_ids)
        return self.decode(words, near, memory, positions, hidden, input_ids)

    def encode(self, image, places, words, near, ids):
        e = self.encoder
        x = torch.cat([image, e.layernorm_embedding(words + e.type_embedding.weight[0])], 1)
        positions = torch.cat([e.image_pos_ln(e.embed_image_positions(places)), e.positions(words.shape[1])])
        absolute = e.product(e.pos_q_linear(positions), e.pos_k_linear(positions))
        hidden = torch.cat([torch.zeros_like(image[:, :, 0]), (ids == PAD).to(image.dtype) * MASKED], 1)[:, None, None]
        row, column = torch.div(places - 1, GRID, rounding_mode='floor'), (places - 1) % GRID
        apart = (row[:, None] - row[None] + GRID - 1) * (2 * GRID - 1) + column[:, None] - column[None] + GRID - 1
        for layer, text, picture in zip(e.layers, e.token_rel_pos_table_list, e.image_rel_pos_table_list):
            relative = blocks(picture(apart).permute(2, 0, 1), text(near).permute(2, 0, 1))
            x = layer(x, (absolute + relative)[None] + hidden)
        return e.layer_norm(x), positions, hidden

    def decode(self, words, near, memory, positions, hidden, ids):
        d = self.decoder
        last = (ids != PAD).sum(1) - 2       # the end of the prompt, before </s>
        if self.prompt == 'none':
            words, near, last = words[:, :1], near[:1, :1], torch.zeros_like(last)
        x = d.layernorm_embedding(words)
        own = d.positions(words.shape[1])
        future = torch.triu(torch.full_like(near, int(MASKED)), 1).to(x.dtype)
        absolute = d.product(d.self_pos_q_linear(own), d.self_pos_k_linear(own)) + future
        cross = d.product(d.cross_pos_q_linear(own), d.cross_pos_k_linear(positions))[None] + hidden
        for layer, text in zip(d.layers, d.token_rel_pos_table_list):
            x = layer(x, (absolute + text(near).permute(2, 0, 1))[None], memory, cross)
        x = d.layer_norm(x[torch.arange(x.shape[0]), last])
        return x @ self.embed_tokens.weight[self.answers].T


def blocks(a, b):
    """[heads, N, N] and [heads, L, L] → [heads, N + L, N + L] with zeros between."""
    return F.pad(a, (0, b.shape[2], 0, b.shape[1])) + F.pad(b, (a.shape[2], 0, a.shape[1], 0))
