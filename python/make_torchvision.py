"""Makes .pt2 files of torchvision's models with random weights, and what PyTorch says of them, for `make torchvision`.

    python python/make_torchvision.py FOLDER [names]

Needs torch, torchvision and safetensors.
"""

import sys
from pathlib import Path

import torch
import torchvision
from export_model import export_model
from safetensors.torch import save_file

NAMES = ["resnet18", "vgg11_bn", "mobilenet_v2", "mobilenet_v3_small", "densenet121", "vit_b_16", "convnext_tiny"]


def main(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        torch.manual_seed(0)
        model = torchvision.models.get_model(name, num_classes=10).eval()
        x = torch.rand(2, 3, 224, 224, requires_grad=True)
        export_model(model, (3, 224, 224), folder / f"{name}.pt2")
        logits = model(x)
        target = logits.argmax(1)
        (gradient,) = torch.autograd.grad(logits.gather(1, target[:, None]).sum(), x)
        values = {"x": x.detach(), "logits": logits.detach(), "target": target, "gradient": gradient}
        save_file({key: value.contiguous() for key, value in values.items()}, folder / f"{name}.safetensors")
        print(name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or NAMES)
