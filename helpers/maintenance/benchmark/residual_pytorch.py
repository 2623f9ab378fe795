"""The residual network in PyTorch, with the same layers, batches and augmentation, for comparison.

PyTorch is no requirement of the series: this module is imported only where it is installed.
"""

import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from helpers import models
from helpers.maintenance.benchmark import memory

LEARNING_RATE, MOMENTUM, LABEL_SMOOTHING, BATCH_SIZE, SHIFT = 0.05, 0.9, 0.1, 128, 2
VALIDATION_BATCH_SIZE = 500


class Convolution(nn.Module):
    """A 3 × 3 convolution, a pooling where asked for, batch normalisation and ReLU."""

    def __init__(self, channels_in, channels_out, pooling=False):
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.normalization = nn.BatchNorm2d(channels_out)
        self.pooling = pooling

    def forward(self, x):
        x = self.convolution(x)
        if self.pooling:
            x = functional.max_pool2d(x, 2)
        return functional.relu(self.normalization(x))


class Residual(nn.Module):
    """The counterpart of `models.resnet_fast`; returns logits."""

    def __init__(self, filters=(16, 32, 64), classes=10):
        super().__init__()
        self.first = Convolution(1, filters[0])
        self.stages = nn.ModuleList()
        for before, after in zip(filters, filters[1:], strict=False):
            block = nn.Sequential(Convolution(after, after), Convolution(after, after))
            self.stages.append(nn.ModuleList([Convolution(before, after, pooling=True), block]))
        self.probabilities = nn.Linear(filters[-1], classes)

    def forward(self, x):
        x = self.first(x)
        for down, block in self.stages:
            x = down(x)
            x = x + block(x)
        return self.probabilities(x.amax((2, 3)) * models.HEAD_SCALE)


class Arm:
    """The residual network, ready to train an epoch whenever asked.

    Parameters
    ----------
    training, validation : data.LabelledImages
    compiled : bool
        Whether through `torch.compile`.
    """

    def __init__(self, training, validation, compiled):
        self.network = Residual().to(memory_format=torch.channels_last)
        self.forward = torch.compile(self.network) if compiled else self.network
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), LEARNING_RATE, momentum=MOMENTUM, nesterov=True
        )
        self.training = [torch.from_numpy(np.array(part)) for part in _parts(training)]
        self.validation = [torch.from_numpy(np.array(part)) for part in _parts(validation)]
        self.generator = torch.Generator().manual_seed(0)
        self.epoch()

    def epoch(self):
        """Train one epoch, validation included, and return its seconds."""
        start = time.perf_counter()
        self.network.train()
        images, labels = self.training
        order = torch.randperm(len(images), generator=self.generator)
        for chosen in order.split(BATCH_SIZE):
            if len(chosen) == BATCH_SIZE:
                self._step(self._augmented(images[chosen]), labels[chosen].long())
        self._validate()
        return time.perf_counter() - start

    def memory(self):
        """Return the largest memory of this process so far; see `memory`."""
        return {"peak_memory_gib": memory.peak_gib(), "growth_mib": None}

    def _step(self, batch, labels):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = self.forward(batch)
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=LABEL_SMOOTHING)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def _validate(self):
        self.network.eval()
        right = 0
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            for images, labels in zip(
                *(part.split(VALIDATION_BATCH_SIZE) for part in self.validation), strict=True
            ):
                # Uncompiled, as another batch shape would have to be compiled for it.
                right += int((self.network(_scaled(images)).argmax(1) == labels).sum())
        return right

    def _augmented(self, images):
        count, height, width = images.shape
        padded = functional.pad(images, (SHIFT,) * 4)
        offsets = torch.randint(0, 2 * SHIFT + 1, (2, count), generator=self.generator)
        rows = offsets[0][:, None] + torch.arange(height)
        columns = offsets[1][:, None] + torch.arange(width)
        moved = padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
        mirrored = torch.rand(count, generator=self.generator) < 0.5
        return _scaled(torch.where(mirrored[:, None, None], moved.flip(2), moved))


def _scaled(images):
    scaled = images[:, None].float() / 255
    return scaled.contiguous(memory_format=torch.channels_last)


def _parts(labelled):
    return labelled.images, labelled.labels
