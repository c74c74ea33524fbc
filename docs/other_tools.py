"""What other tools say of a network that mixes its batch, and what to set so that they are right.

    pip install -r docs/other_tools.txt
    python docs/other_tools.py --data FOLDER --figure other-tools.png

The pictures are test images of the shipped run's data. Every tool is called as its own manual
shows it, then with the network in a wrapper that fixes the company, and compared with what follows
from the definition.
"""

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ultimus.data.vision import torchvision  # noqa: F401, before the tools, which import it too

# isort: split
from captum.attr import IntegratedGradients, Occlusion
from opacus import GradSampleModule
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torch.nn import functional as F
from torchinfo import summary as torchinfo
from torchsummary import summary as torchsummary

import ultimus
from ultimus.analysis.evidence import evidence
from ultimus.model import Transformer

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "assets/runs/best-cifar10/weights/39000.safetensors"
GROUP = 16
BLOCK = 8  # pixels of a block's side


class InCompany(nn.Module):
    """The network as a function of one picture: each row of a batch meets the same companions.

    Rows of a batch no longer see each other, so a tool may batch whatever it likes.

    Args:
        model: the network.
        companions: preprocessed images (B - 1, 3, 32, 32); none for a picture alone.
    """

    def __init__(self, model: Transformer, companions: Tensor):
        super().__init__()
        self.model = model
        self.register_buffer("companions", companions)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 3, 32, 32) to logits (N, C)."""
        others = self.companions.expand(len(x), *self.companions.shape)  # (N, B - 1, 3, 32, 32)
        groups = torch.cat([x[:, None], others], dim=1)  # (N, B, 3, 32, 32)
        size = groups.shape[1]
        return self.model(groups.flatten(0, 1), group=size)[::size]


def main() -> None:
    """Measure, and print a table for the page in docs/."""
    options = _options()
    model = ultimus.load(WEIGHTS).eval()
    model.folded = False  # tools look for conv3 as a layer that is called
    raw = _images(options.data, options.pictures)
    images = ultimus.preprocess(raw)
    print("| tool | as its manual says | with the company fixed |\n| --- | --- | --- |")
    for measure in (_counted, _grad_cam, _integrated, _occluded, _per_sample):
        _print(measure(model, images))
    _print(_own_evidence(model, raw))
    if options.figure:
        _draw(model, raw, options.figure)


def _print(rows: list[tuple[str, ...]]) -> None:
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="CIFAR-10; without it the 20 example pictures")
    parser.add_argument("--pictures", type=int, default=64, help="a multiple of 16")
    parser.add_argument("--figure", type=Path, help="a picture to save")
    return parser.parse_args()


def _images(data: str, count: int) -> Tensor:
    """Test images uint8 (N, 3, 32, 32), N a multiple of the group."""
    if data:
        return ultimus.open_dataset(data).test.images[:count]
    from ultimus.analysis.prediction import examples

    return examples().images[:GROUP]


def _groups(images: Tensor) -> list[Tensor]:
    return list(images.split(GROUP))


def _spread(values: list[float] | Tensor) -> str:
    """Median and quartiles."""
    low, middle, high = np.quantile(np.asarray(values, dtype=float), [0.25, 0.5, 0.75])
    return f"{middle:.2g} ({low:.2g} … {high:.2g})"


# Counting -----------------------------------------------------------------------------------------


def _counted(model: Transformer, images: Tensor) -> list[tuple[str, ...]]:
    true = sum(each.numel() for each in model.parameters())
    shape = tuple(images.shape[1:])
    by_torchinfo = torchinfo(model, (GROUP, *shape), verbose=0).total_params
    lines = _printed(lambda: torchsummary(model, shape, device="cpu"))
    counted = next(line for line in lines if line.startswith("Total params")).split()[-1]
    return [
        ("torchinfo, parameters", f"{by_torchinfo:,}", f"exact: {true:,}"),
        ("torchsummary, parameters", counted, f"exact: {true:,}; it counts the block at each pass"),
    ]


def _printed(act: Callable[[], object]) -> list[str]:
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as text:
        act()
    return text.getvalue().splitlines()


# Grad-CAM -----------------------------------------------------------------------------------------


def _grad_cam(model: Transformer, images: Tensor) -> list[tuple[str, ...]]:
    plain = fixed = 0
    for group in _groups(images):
        tops = model(group).argmax(1).tolist()
        exact = [_cam(model, group, place, top) for place, top in enumerate(tops)]
        targets = [ClassifierOutputTarget(top) for top in tops]
        with GradCAM(model, [model.conv2]) as tool:
            theirs = tool(group, targets=targets)  # (B, 32, 32)
        plain += sum(_hottest(a) != _hottest(b) for a, b in zip(theirs, exact, strict=True))
        fixed += sum(_hottest(_cam_fixed(model, group, place, top)) != _hottest(exact[place])
                     for place, top in enumerate(tops))  # fmt: skip
    of = len(images)
    what = "pytorch-grad-cam, pictures whose hottest 8 × 8 block is another than that of their own"
    return [(f"{what} logit", f"{plain} of {of}", f"{fixed} of {of}")]


def _cam(model: Transformer, group: Tensor, place: int, top: int) -> np.ndarray:
    """Grad-CAM by its definition: of one picture's own logit, its own map and nothing else."""
    maps = F.conv2d(F.relu(model.conv1(group)), model.conv2.weight, model.conv2.bias, padding=1)
    maps.retain_grad()
    features = model.conv3(F.relu(maps)).mean((2, 3))
    for _ in range(4):
        features = features + model.ultimusBlock(features)
    model.cap(features)[place, top].backward()
    weights = maps.grad[place].mean((1, 2))  # (32,)
    return F.relu((weights[:, None, None] * maps[place]).sum(0)).detach().numpy()


def _cam_fixed(model: Transformer, group: Tensor, place: int, top: int) -> np.ndarray:
    """The tool on one picture, its companions being in the wrapper."""
    others = torch.cat([group[:place], group[place + 1 :]])

    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(torch.cat([x, others]))[:1]

    with GradCAM(First(), [model.conv2], reshape_transform=lambda maps: maps[:1]) as tool:
        return tool(group[place : place + 1], targets=[ClassifierOutputTarget(top)])[0]


def _hottest(cam: np.ndarray) -> int:
    blocks = cam.reshape(32 // BLOCK, BLOCK, 32 // BLOCK, BLOCK).mean((1, 3))
    return int(blocks.argmax())


# Integrated gradients -----------------------------------------------------------------------------


def _integrated(model: Transformer, images: Tensor) -> list[tuple[str, ...]]:
    rows = []
    some = images[:GROUP]
    alone = InCompany(model, images[:0])
    for steps in (50, 200):
        plain = [_gap(model, image, steps) for image in some]
        fixed = [_gap(alone, image, steps) for image in some]
        rows.append((f"captum's integrated gradients, gap of completeness with {steps} steps",
                     _spread(plain), _spread(fixed)))  # fmt: skip
    return rows


def _gap(network: nn.Module, image: Tensor, steps: int) -> float:
    image = image[None]
    top = int(network(image).argmax())
    _, gap = IntegratedGradients(network).attribute(
        image, torch.zeros_like(image), target=top, n_steps=steps, return_convergence_delta=True
    )
    return float(gap.abs())


# Occlusion ----------------------------------------------------------------------------------------


def _occluded(model: Transformer, images: Tensor) -> list[tuple[str, ...]]:
    some, alone = images[:GROUP], InCompany(model, images[:0])
    plain = [_changed(model, image) for image in some]
    fixed = [_changed(alone, image) for image in some]
    return [("captum's occlusion, largest change by `perturbations_per_eval=16`, as a part of the "
             "largest value", _spread(plain), _spread(fixed))]  # fmt: skip


def _changed(network: nn.Module, image: Tensor) -> float:
    image = image[None]
    top = int(network(image).argmax())
    one, many = (
        Occlusion(network).attribute(
            image, (3, BLOCK, BLOCK), (3, 4, 4), target=top, perturbations_per_eval=count
        )
        for count in (1, 16)
    )
    return float((one - many).abs().max() / one.abs().max())


# Gradients of each picture ------------------------------------------------------------------------


def _per_sample(model: Transformer, images: Tensor) -> list[tuple[str, ...]]:
    group = images[:GROUP]
    labels = model(group).argmax(1)
    exact = torch.stack([_gradient(model, group, labels, place) for place in range(GROUP)])
    wrapped = GradSampleModule(Transformer(model.classes, folded=False), loss_reduction="sum")
    wrapped._module.load_state_dict(model.state_dict())
    F.cross_entropy(wrapped(group), labels, reduction="sum").backward()
    theirs = torch.cat([each.grad_sample.flatten(1) for each in wrapped._module.parameters()], 1)
    off = (theirs - exact).norm(dim=1) / exact.norm(dim=1)
    return [("opacus' gradients of each picture, relative error of its vector", _spread(off),
             "none does: differentiate each loss by itself")]  # fmt: skip


def _gradient(model: Transformer, group: Tensor, labels: Tensor, place: int) -> Tensor:
    """Of one picture's loss, its companions being there, by all weights."""
    loss = F.cross_entropy(model(group)[place : place + 1], labels[place : place + 1])
    return torch.cat([each.flatten() for each in torch.autograd.grad(loss, model.parameters())])


# Our own ------------------------------------------------------------------------------------------


def _own_evidence(model: Transformer, raw: Tensor) -> list[tuple[str, ...]]:
    """The evidence maps of the Predict page against the logits that they are to add up to."""
    gaps = []
    for image in raw[: 2 * GROUP]:
        found = evidence(model, image)
        logits = model(ultimus.preprocess(image[None]))[0]
        gaps.append(float((found.maps.sum((1, 2)) + found.constants - logits).abs().max().detach()))
    return [("Ultimus' evidence, largest gap between a logit and the sum of its parts",
             _spread(gaps), _spread(gaps))]  # fmt: skip


# One picture, four tools --------------------------------------------------------------------------


def _draw(model: Transformer, raw: Tensor, path: Path) -> None:
    """The same picture explained by four tools: as their manuals say, and with company fixed."""
    from matplotlib import pyplot as plt

    group = ultimus.preprocess(raw[:GROUP])
    tops = model(group).argmax(1).tolist()
    place = _most_changed(model, group, tops)
    image, alone = group[place : place + 1], InCompany(model, group[:0])
    targets = [ClassifierOutputTarget(top) for top in tops]
    with GradCAM(model, [model.conv2]) as tool:
        cams = tool(group, targets=targets)[place], _cam_fixed(model, group, place, tops[place])
    maps = {
        "Grad-CAM": cams,
        "integrated gradients": [_gradients(each, image, tops[place]) for each in (model, alone)],
        "occlusion": [_occlusion(each, image, tops[place]) for each in (model, alone)],
        "Ultimus' evidence": [evidence(model, raw[place]).contrast().maps[tops[place]]] * 2,
    }
    figure, axes = plt.subplots(2, 5, figsize=(10, 4.4), layout="constrained")
    for row, label in enumerate(("as its manual says", "company fixed")):
        axes[row, 0].imshow(raw[place].permute(1, 2, 0))
        axes[row, 0].set_ylabel(label)
        for axis, (name, both) in zip(axes[row, 1:], maps.items(), strict=True):
            values = np.asarray(both[row])
            most = np.abs(values).max()
            axis.imshow(values, cmap="PuOr_r", vmin=-most, vmax=most)
            axis.set_title(name if not row else "")
    for axis in axes.flat:
        axis.set_xticks([]), axis.set_yticks([])
    figure.savefig(path, dpi=110)


def _most_changed(model: Transformer, group: Tensor, tops: list[int]) -> int:
    """The picture for which the two ways of Grad-CAM differ most."""
    with GradCAM(model, [model.conv2]) as tool:
        theirs = tool(group, targets=[ClassifierOutputTarget(top) for top in tops])
    off = [
        np.abs(_cam_fixed(model, group, n, top) - theirs[n]).mean() for n, top in enumerate(tops)
    ]
    return int(np.argmax(off))


def _gradients(network: nn.Module, image: Tensor, top: int) -> Tensor:
    found = IntegratedGradients(network).attribute(image, torch.zeros_like(image), target=top)
    return found[0].sum(0).detach()


def _occlusion(network: nn.Module, image: Tensor, top: int) -> Tensor:
    found = Occlusion(network).attribute(
        image, (3, BLOCK, BLOCK), (3, 4, 4), target=top, perturbations_per_eval=16
    )
    return found[0].mean(0).detach()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
