"""Makes tests/fixtures: small models as .pt2 files, with what PyTorch says of them, for tests that have no Python.

    python python/make_fixtures.py [folder [names]]

Needs torch and safetensors. Each <name>.pt2 has a <name>.safetensors: `x`, `logits`, `target`, and the gradient of the
target's logit with respect to the input, or for tokens to what the first embedding gives. The files hold no paths.
"""

import json
import sys
import zipfile
from pathlib import Path

import torch
from export_model import export_model
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, into, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out)) if stride > 1 else None

    def forward(self, x):
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x if self.shortcut is None else self.shortcut(x)
        return self.relu(out)


class ResNet(nn.Module):
    """Declared in another order than run."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 5)
        self.blocks = nn.Sequential(Block(8, 8, 1), Block(8, 16, 2))
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2))

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1)
        return self.fc(torch.flatten(x, 1))


class Squeeze(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)

    def forward(self, x):
        scale = F.relu(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * F.hardsigmoid(self.fc2(scale))


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish(inplace=True),
            nn.Conv2d(8, 8, 5, 1, 2, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6(inplace=True),
            Squeeze(8), nn.Conv2d(8, 12, 1), nn.Hardswish(), nn.AvgPool2d(2),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2, inplace=True), nn.Linear(12 * 4 * 4, 5))

    def forward(self, x):
        x = self.features(x)
        left, right = x.chunk(2, 1)
        x = torch.cat([right, left], 1)
        return self.classifier(x.view(x.size(0), -1))


class Transformer(nn.Module):
    """Patches, a class token, learnt positions, and attention both packed and by hand."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 16) * 0.5)
        self.positions = nn.Parameter(torch.randn(1, 17, 16) * 0.5)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, 0.1, "gelu", batch_first=True, norm_first=True)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        b = x.shape[0]
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(b, -1, -1), x], 1) + self.positions
        x = self.layer(x)
        q, k, v = self.qkv(x).reshape(b, 17, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q @ k.transpose(-2, -1) / 8**0.5).softmax(-1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(b, 17, 16))
        return self.head(self.norm(x)[:, 0])


class Tokens(nn.Module):
    """Tokens of which 0 is padding; the output layer's weight is tied to the embedding."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(20, 16, padding_idx=0), nn.Embedding(12, 16)
        self.register_buffer("ids", torch.arange(12)[None])
        layer = nn.TransformerEncoderLayer(16, 2, 32, 0.1, "gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 20, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens):
        x = self.words(tokens) + self.places(self.ids[:, : tokens.shape[1]])
        x = self.encoder(x, src_key_padding_mask=tokens.eq(0))
        return self.head(x[:, 0])


class Recurrent(nn.Module):
    """Sequences through every kind of recurrent layer, of whose outputs all are read somewhere."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 4, 2, batch_first=True, dropout=0.2, bidirectional=True)
        self.gru, self.rnn = nn.GRU(8, 4, 2), nn.RNN(4, 3, nonlinearity="relu", bidirectional=True, batch_first=True)
        self.last = nn.RNN(6, 3, bias=False, batch_first=True)
        self.head = nn.Linear(16 + 16 + 8 + 3, 5)

    def forward(self, x):
        x, (states, cells) = self.lstm(x)
        x, more = self.gru(x.transpose(0, 1))
        x, _ = self.rnn(x.transpose(0, 1))
        x, _ = self.last(x)
        # While it exports, PyTorch 2.11 takes the last states of an LSTM for [4, 1, B, 4].
        states, cells = (part.reshape(4, -1, 4) for part in (states, cells))
        read = [part.transpose(0, 1).flatten(1) for part in (states, cells, more)]
        return self.head(torch.cat([*read, x[:, -1]], 1))


class Decoder(nn.Module):
    """Images made smaller and larger again in every way there is."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, 2, 1)
        self.up = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.wide = nn.ConvTranspose2d(6, 4, (2, 3), dilation=(1, 2), bias=False)
        self.line = nn.ConvTranspose1d(4, 3, 4, stride=3)
        self.head = nn.Linear(3 * 19, 5)

    def forward(self, x):
        x = torch.tanh(self.up(torch.tanh(self.down(x))))
        x = torch.tanh(self.wide(F.interpolate(x, scale_factor=0.4, mode="nearest")))
        x = F.interpolate(x, size=(9, 5), mode="nearest") * F.interpolate(x, size=(9, 5), mode="bilinear")
        x = torch.tanh(F.interpolate(x, scale_factor=(1.3, 1.7), mode="bilinear"))
        x = torch.tanh(F.interpolate(x, size=(4, 6), mode="bilinear", align_corners=True))
        return self.head(self.line(x.mean(2)).flatten(1))


class Unsupported(nn.Module):
    """Two operations that have no rule, in different modules."""

    def __init__(self):
        super().__init__()
        self.sums, self.head = Sums(), nn.Linear(64, 10)

    def forward(self, x):
        return torch.sort(self.head(self.sums(x.flatten(1))), dim=1)[0]


class Sums(nn.Module):
    def forward(self, x):
        return torch.cumsum(x, 1)


class Aliased(nn.Module):
    """Changes a tensor in place and then reads a view that it took of it before."""

    def forward(self, x):
        y = x * 2
        view = y[:, :, :, 1:]
        y.mul_(3)
        return view.flatten(1)[:, :10]


class Digits(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1), nn.Linear(4 * 36, 10))


def lived(model):
    """Statistics and scales that are not those of a fresh model."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.3)
    return model.eval()


def export_bare(model, x, path):
    """As `torch.export.save` writes it, sample inputs and all, but for the stack traces, which name folders of the machine."""
    program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    torch.export.save(program, path)


def without_paths(path):
    """Takes the stack traces out of a file's program: they name folders of the machine."""
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            if name.endswith("models/model.json"):
                program = json.loads(content)
                for node in program["graph_module"]["graph"]["nodes"]:
                    node["metadata"].pop("stack_trace", None)
                content = json.dumps(program).encode()
            if "sample_inputs" not in name:
                archive.writestr(zipfile.ZipInfo(name), content)


class Normed(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 10))


def script(model, path):
    """As TorchScript, by tracing, without what names the source files of the machine."""
    torch.jit.save(torch.jit.trace(model, torch.zeros(2, 1, 8, 8), check_trace=False), path)
    without_sources(path)


def without_sources(path):
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            if not name.endswith(".debug_pkl"):
                archive.writestr(zipfile.ZipInfo(name), content)


def expected(model, x):
    """What PyTorch says, in float64."""
    model, given = model.double(), {}
    hook = None
    if x.is_floating_point():
        x = x.double().requires_grad_()
        given["leaf"] = x
    else:
        def keep(module, inputs, output):
            given["leaf"] = output.detach().requires_grad_()
            return given["leaf"]

        hook = model.words.register_forward_hook(keep)
    logits = model(x)
    target = logits.argmax(1)
    (gradient,) = torch.autograd.grad(logits.gather(1, target[:, None]).sum(), given["leaf"])
    if hook:
        hook.remove()
    values = {"x": x.detach().double(), "logits": logits.detach(), "target": target, "gradient": gradient}
    return {name: value.contiguous() for name, value in values.items()}


def main(folder, names):
    torch.manual_seed(0)
    for name, make in [("digits", Digits), ("unsupported", Unsupported), ("aliased", Aliased)]:
        if names and name not in names:
            continue
        export_model(make(), (1, 8, 8), folder / f"{name}.pt2")
        without_paths(folder / f"{name}.pt2")
    if not names:
        torch.save({"weight": torch.zeros(2)}, folder / "pickled.pt")
    torch.backends.mha.set_fastpath_enabled(False)
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    tokens = torch.randint(1, 20, (3, 12), generator=torch.Generator().manual_seed(2))
    tokens[1, 8:], tokens[2, 5:] = 0, 0
    sequences = torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(3))
    digits = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(4))
    for seed, (name, make, x) in enumerate([
        ("resnet", ResNet, images), ("mobilenet", MobileNet, images), ("transformer", Transformer, images),
        ("tokens", Tokens, tokens), ("recurrent", Recurrent, sequences), ("decoder", Decoder, images),
        ("original", Digits, digits),
    ]):
        if names and name not in names:
            continue
        torch.manual_seed(seed)
        model, path = lived(make()), folder / f"{name}.pt2"
        if name == "original":
            # Eight letters: then PyTorch's zip64 records take as many bytes as the first entry of the list of members.
            export_bare(model, x, path)
        elif x.is_floating_point():
            export_model(model, x.shape[1:], path)
        else:
            batch = {0: torch.export.Dim("batch")}
            torch.export.save(torch.export.export(model, (x,), dynamic_shapes=(batch,)), path)
        if name != "original":
            without_paths(path)
        save_file(expected(model, x), folder / f"{name}.safetensors")
        print(name, path.stat().st_size)
    torch.manual_seed(0)
    digits = Digits()  # with the weights of digits.pt2
    script(digits.eval(), folder / "digits.pt")
    script(digits.train(), folder / "dropout.pt")
    script(Normed().train(), folder / "normed.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "tests" / "fixtures"), sys.argv[2:])
