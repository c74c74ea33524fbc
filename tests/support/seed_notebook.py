"""The network as the seed notebook publishes it: the reference that ours is compared with."""

import torch
from torch import nn
from torch.nn import functional as F


class SeedUltimus(nn.Module):
    """The seed's block, as published."""

    def __init__(self):
        super().__init__()
        self.k = nn.Linear(48, 8)
        self.q = nn.Linear(48, 8)
        self.v = nn.Linear(48, 8)
        self.out = nn.Linear(8, 48)

    def forward(self, x):
        k = self.k(x)
        q = self.q(x)
        v = self.v(x)
        score = F.softmax(torch.matmul(q, k.T) / torch.sqrt(torch.tensor(k.shape[1])), dim=1)
        return self.out(torch.matmul(score, v))


class SeedTransformer(nn.Module):
    """The seed's network, as published."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1)
        self.conv2 = nn.Conv2d(16, 32, 3, 1, 1)
        self.conv3 = nn.Conv2d(32, 48, 3, 1, 1)
        self.gap = nn.AdaptiveAvgPool2d((1, 1))
        self.ultimusBlock = SeedUltimus()
        self.cap = nn.Linear(48, 10)

    def forward(self, x):
        x = self.conv3(F.relu(self.conv2(F.relu(self.conv1(x)))))
        x = self.gap(x)
        main = torch.flatten(x, 1)
        for _ in range(4):
            main = main + self.ultimusBlock(main)
        return self.cap(main)
