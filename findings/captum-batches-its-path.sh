#!/usr/bin/env bash
# captum 0.9.0: integrated gradients of one input put all points of the path into one batch. Where
# the network mixes its batch (attention across samples, batch norm in training) they see each
# other, and the gap of completeness stays at any number of steps, without a warning. It closes with
# internal_batch_size=1, or where the network gives each row an answer of its own.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet torch==2.13.0 captum==0.9.0
"$place/venv/bin/python" - <<'PYTHON'
import torch
from captum.attr import IntegratedGradients

torch.manual_seed(0)
weight = torch.randn(5, 5)

def network(x):  # (N, 5) to (N,): attention across the rows of the batch
    mixed = (x @ weight @ x.T).softmax(dim=-1) @ x
    return (x * mixed).sum(dim=1)

x, zero = torch.randn(1, 5), torch.zeros(1, 5)
print(f"torch {torch.__version__}, captum 0.9.0; sum of the attributions less f(x) - f(0)")
gaps = {}
for steps in (50, 200, 1000):
    for size in (None, 1):
        _, gap = IntegratedGradients(network).attribute(
            x, zero, n_steps=steps, internal_batch_size=size, return_convergence_delta=True
        )
        gaps[steps, size] = abs(float(gap))
        print(f"{steps:5} steps, internal_batch_size={size}: {gaps[steps, size]:.4f}")
assert gaps[1000, None] > 0.1, "captum no longer lets the points of a path see each other"
assert gaps[1000, 1] < 0.01, "one point at a time no longer closes the gap"
PYTHON
