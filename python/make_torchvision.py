"""Makes .pt2 files of torchvision's models and of two small BERTs with random weights, and what PyTorch says of them, for
`make torchvision`.

    python python/make_torchvision.py FOLDER [names]

Needs torch, torchvision and safetensors. Beside each <name>.pt2 is a <name>.safetensors with `x`, `logits`, `target`, and the
gradient of the target's logit with respect to the input, or for tokens to what the first embedding gives. The model is
exported in float32 and asked in float64, where no rounding decides which way a ReLU or a maximum goes.
"""

import sys
from pathlib import Path

import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

WORDS, LENGTH, WIDTH, HEADS = 500, 32, 128, 4


class HandWritten(nn.Module):
    """One layer of an encoder as BERT's authors wrote it: separate projections, a mask that is added, norms after the sums."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.out, self.norm1, self.norm2 = nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.into, self.back, self.act = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH), nn.GELU()
        self.dropout = nn.Dropout(0.1)

    def forward(self, x, mask):
        def heads(x):
            return x.view(x.size(0), LENGTH, HEADS, WIDTH // HEADS).permute(0, 2, 1, 3)

        query, key, value = heads(self.query(x)), heads(self.key(x)), heads(self.value(x))
        scores = torch.matmul(query, key.transpose(-1, -2)) / (WIDTH // HEADS) ** 0.5 + mask
        seen = self.dropout(torch.softmax(scores, -1)) @ value
        seen = seen.permute(0, 2, 1, 3).contiguous().view(x.size(0), LENGTH, WIDTH)
        x = self.norm1(x + self.dropout(self.out(seen)))
        return self.norm2(x + self.dropout(self.back(self.act(self.into(x)))))


class Bert(nn.Module):
    """Tokens, of which 0 is padding, in 10 classes."""

    def __init__(self, by_hand):
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH, padding_idx=0), nn.Embedding(LENGTH, WIDTH)
        self.norm, self.dropout = nn.LayerNorm(WIDTH), nn.Dropout(0.1)
        self.register_buffer("ids", torch.arange(LENGTH)[None])
        if by_hand:
            self.layers = nn.ModuleList(HandWritten() for _ in range(3))
        else:
            layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, 0.1, "gelu", batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.by_hand, self.pool, self.head = by_hand, nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 10)

    def forward(self, tokens):
        x = self.dropout(self.norm(self.words(tokens) + self.places(self.ids)))
        if self.by_hand:
            mask = (1 - tokens.ne(0)[:, None, None, :].to(x.dtype)) * -10000.0
            for layer in self.layers:
                x = layer(x, mask)
        else:
            x = self.encoder(x, src_key_padding_mask=tokens.eq(0))
        return self.head(torch.tanh(self.pool(x[:, 0])))


NAMES = [
    "resnet18", "vgg11_bn", "mobilenet_v2", "mobilenet_v3_small", "densenet121", "vit_b_16", "convnext_tiny",
    "bert_encoder", "bert_by_hand",
]


def made(name):
    """A model and examples for it."""
    if not name.startswith("bert"):
        model = torchvision.models.get_model(name, num_classes=10)
        if name.startswith("vit"):
            # It starts at zero, and so would all that is compared.
            nn.init.normal_(model.heads.head.weight, std=0.02)
        return model, torch.rand(2, 3, 224, 224)
    tokens = torch.randint(1, WORDS, (2, LENGTH))
    tokens[1, 20:] = 0
    return Bert(name == "bert_by_hand"), tokens


def main(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    # Fused into one operation, attention would have no derivatives.
    torch.backends.mha.set_fastpath_enabled(False)
    for name in names:
        torch.manual_seed(0)
        model, x = made(name)
        model.eval()
        batch = {0: torch.export.Dim("batch")}
        # As torch.export writes it, with the examples in it.
        torch.export.save(torch.export.export(model, (x,), dynamic_shapes=(batch,)), folder / f"{name}.pt2")
        model.double()
        leaf = x.double().requires_grad_() if x.is_floating_point() else None

        def keep(module, inputs, output):
            nonlocal leaf
            leaf = output.detach().requires_grad_()
            return leaf

        if leaf is None:
            model.words.register_forward_hook(keep)
            logits = model(x)
        else:
            logits = model(leaf)
        target = logits.argmax(1)
        (gradient,) = torch.autograd.grad(logits.gather(1, target[:, None]).sum(), leaf)
        values = {"x": x.double(), "logits": logits.detach(), "target": target, "gradient": gradient}
        save_file({key: value.contiguous() for key, value in values.items()}, folder / f"{name}.safetensors")
        print(name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or NAMES)
