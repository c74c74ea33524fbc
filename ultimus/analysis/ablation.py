"""What if attention worked otherwise? Replace it, and see what becomes of the answers.

An ablation changes how the trained block is computed, never its weights. The features of an image
do not depend on its group, so they are computed once and shared by everything here.

Shape letters: N images, G groups, B images in a group, D = 48 features, H = 8 head width,
P passes, C classes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ..errors import UserError
from ..evaluation import in_groups
from ..model import PASSES, Attend, Attention, Pass, Trace, Transformer, Ultimus, attention

MOST_PASSES = 8

# Attention, otherwise -----------------------------------------------------------------------------
#
# Each of these takes q, k and v (..., B, H) as model.attention does. Where the scores play no part
# they are still what queries and keys give.


def uniform(q: Tensor, k: Tensor, v: Tensor) -> Attention:
    """Each image looks at all alike: every weight is 1 / B."""
    scores = attention(q, k, v).scores
    weights = torch.full_like(scores, 1 / scores.shape[-1])  # (..., B, B)
    return Attention(scores, weights, weights @ v)


def identity(q: Tensor, k: Tensor, v: Tensor) -> Attention:
    """Each image looks at itself alone, as in a group of one."""
    scores = attention(q, k, v).scores
    weights = torch.eye(scores.shape[-1]).to(scores).expand_as(scores)  # (..., B, B)
    return Attention(scores, weights, v)


def unscaled(q: Tensor, k: Tensor, v: Tensor) -> Attention:
    """The scores are not divided by √H, so the softmax is sharper."""
    scores = q @ k.mT  # (..., B, B)
    weights = scores.softmax(dim=-1)  # (..., B, B)
    return Attention(scores, weights, weights @ v)


def none(q: Tensor, k: Tensor, v: Tensor) -> Attention:
    """Nobody looks at anybody: all weights are 0, and the block adds only its output bias."""
    scores = attention(q, k, v).scores
    return Attention(scores, torch.zeros_like(scores), torch.zeros_like(v))


@dataclass(frozen=True)
class Ablation:
    """One change to the block.

    Attributes:
        title: a few words for a table or a menu.
        about: a sentence for students.
        attend: what stands in for attention.
        residual: whether the pass adds to the features, or replaces them.
    """

    title: str
    about: str
    attend: Attend = attention
    residual: bool = True


ABLATIONS = {
    "learned": Ablation(
        "as learned",
        "The block as it was trained: each image chooses whom it looks at.",
    ),
    "uniform": Ablation(
        "all alike",
        "Each image looks at all images of the group alike, whatever queries and keys say.",
        uniform,
    ),
    "identity": Ablation(
        "only itself",
        "Each image looks only at itself, as if it were alone.",
        identity,
    ),
    "unscaled": Ablation(
        "without √8",
        "The scores are not divided by √8, so each image looks harder at its favourites.",
        unscaled,
    ),
    "none": Ablation(
        "only the bias",
        "No image looks at any, not even at itself: each pass adds only the block's output bias.",
        none,
    ),
    "no-residual": Ablation(
        "features replaced",
        "What a pass computes replaces the features instead of being added to them (no residual).",
        residual=False,
    ),
}
"""Everything that can be changed, by the name that links and files use."""


# A group ------------------------------------------------------------------------------------------


@torch.inference_mode()
def ablate(
    model: Transformer, features: Tensor, ablation: str = "learned", passes: int = PASSES
) -> Trace:
    """Everything that the network computes after its convolutions, with one change.

    As learned, with four passes, these are the numbers of `model.trace`.

    Args:
        model: the trained network.
        features: (..., B, D), one or more groups; of patches (..., T, D).
        ablation: a name of ABLATIONS.
        passes: P, 0...MOST_PASSES; the model was trained with four.

    Returns:
        A trace whose tensors have the leading dimensions of the features; its logits are
        (P + 1, ..., B, C), after 0, 1, ... P passes; of patches (P + 1, ..., C).

    Raises:
        UserError: there is no such ablation, or there are too many passes.
    """
    change = _change(ablation)
    if not 0 <= passes <= MOST_PASSES:
        raise UserError(
            f"The block can be applied 0 to {MOST_PASSES} times, and {passes} were asked for: "
            "choose a number between."
        )
    return model.trace_features(features, passes, partial(_pass, model.ultimusBlock, change))


def _change(name: str) -> Ablation:
    if name not in ABLATIONS:
        raise UserError(f"There is no ablation “{name}”: choose among {', '.join(ABLATIONS)}.")
    return ABLATIONS[name]


def _pass(block: Ultimus, change: Ablation, x: Tensor) -> Pass:
    """`Ultimus.trace` of features (..., B, D), with the change."""
    changed = block.trace(x, change.attend)
    return changed if change.residual else changed._replace(state=changed.residual)


# A test set ---------------------------------------------------------------------------------------


def accuracy(
    model: Transformer,
    features: Tensor,
    labels: Tensor,
    group: int = 16,
    ablation: str = "learned",
    passes: int = PASSES,
    grouping: str = "random",
) -> Tensor:
    """Measure after each pass, in the groups of `evaluation.evaluate`; each image counts once.

    Args:
        model: the trained network.
        features: (N, D), the features of a split; of patches (N, T, D).
        labels: (N,), its classes.
        group: B, images per group; the whole split where it is smaller. Patches have no use for it.
        ablation: a name of ABLATIONS.
        passes: P, 0...MOST_PASSES.
        grouping: how the groups are composed, see `data.groups.ALIKE`.

    Returns:
        (P + 1,) float64, the share 0...1 of images classified rightly after 0, 1, ... P passes.

    Raises:
        UserError: there is no such ablation, too many passes, or no images.
    """
    logits = in_groups(
        lambda x: ablate(model, x, ablation, passes).logits, features, group, labels, grouping
    )
    return (logits.argmax(dim=-1) == labels).double().mean(dim=1)


def accuracies(
    model: Transformer,
    features: Tensor,
    labels: Tensor,
    group: int = 16,
    names: Iterable[str] = tuple(ABLATIONS),
    grouping: str = "random",
) -> dict[str, float]:
    """The accuracy under each ablation, 0...1; see `accuracy`."""
    measured = partial(accuracy, model, features, labels, group, grouping=grouping)
    return {name: measured(name)[-1].item() for name in names}
