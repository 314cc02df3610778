"""Writes a PyTorch model as a file that explainbench reads: `[model] file = "model.pt2"`.

Copy the function, or run `python export_model.py` for an example. Pixels are in [0, 1]: leave normalisation to the suite
(`preprocess`), or put it into the model. The model must give logits [batch, classes].
"""

import torch


def export_model(model, shape, path):
    """`shape` is that of one example, such as (3, 32, 32)."""
    example = torch.rand(2, *shape)
    batch = {0: torch.export.Dim("batch")}
    program = torch.export.export(model.eval(), (example,), dynamic_shapes=(batch,))
    torch.export.save(program, path)


if __name__ == "__main__":
    layers = [torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8 * 6 * 6, 10)]
    export_model(torch.nn.Sequential(*layers), (1, 8, 8), "model.pt2")
