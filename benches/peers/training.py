"""Trains LeNets on MNIST in plain PyTorch: the loop that benches/training.rs measures the executor against.

    training.py FOLDER THREADS TRAININGS EVALUATE

Reads a line "go" from standard input for every run, trains TRAININGS networks one after another, one epoch of the
training images in batches of 64 each, and answers with when it began and ended (seconds of the system's monotonic
clock). Starting Python, importing torch, reading the images and one warm-up epoch come before the first answer
"ready". With EVALUATE = 1 each training also predicts the classes of all images, as a Train cell of the harness does.
"""

import gzip
import sys
import time
from pathlib import Path

import torch
from torch import nn


def read(folder, split):
    images = gzip.open(Path(folder) / f"{split}-images-idx3-ubyte.gz").read()
    labels = gzip.open(Path(folder) / f"{split}-labels-idx1-ubyte.gz").read()
    images = torch.frombuffer(bytearray(images[16:]), dtype=torch.uint8).view(-1, 1, 28, 28)
    return images.float() / 255, torch.frombuffer(bytearray(labels[8:]), dtype=torch.uint8).long()


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def train(x, y, seed):
    torch.manual_seed(seed)
    model = lenet()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_of = nn.CrossEntropyLoss()
    for rows in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        loss_of(model(x[rows]), y[rows]).backward()
        optimizer.step()
    return model


@torch.no_grad()
def predict(model, *splits):
    return [torch.cat([model(rows).argmax(1) for rows in x.split(256)]) for x in splits]


def main():
    folder, threads, trainings, evaluate = sys.argv[1], *map(int, sys.argv[2:])
    torch.set_num_threads(threads)
    (x, y), (test, _) = read(folder, "train"), read(folder, "t10k")
    train(x, y, 0)
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.monotonic()
        for seed in range(trainings):
            model = train(x, y, seed)
            if evaluate:
                predict(model, x, test)
        print(start, time.monotonic(), flush=True)


main()
