"""Ablations: what is left when a part of the attention is taken away."""

import contextlib
import json

import streamlit as st

from ...analysis.ablation import (
    ABLATIONS,
    MOST_PASSES,
    ablate,
    accuracies,
    accuracy,
    permutation_gap,
)
from ...analysis.measured import measured
from ...data.groups import shuffle
from ...evaluation import features_of
from ...files import write_atomically
from ...links.pages import Attention
from ...model import PASSES
from ...places import ASSETS, home
from ...plots import vectors as vp
from ...plots.answers import ablation_bars, ablation_height, class_bars
from ...plots.axes import alt
from ...plots.style import class_colors
from ..figures import figure
from ..state import choices
from .view import View

GROUP = 16  # images, as in training
ENOUGH = 500  # test images; an accuracy of fewer is off by more than what is shown


def show(view: View) -> None:
    """Draw the tab."""
    i = view.cell[0]
    model, features = view.moment.model, view.trace.features
    chosen = choices.of(Attention).ablation
    st.segmented_control(
        "Instead of the learned attention",
        list(ABLATIONS),
        default=chosen,
        required=True,
        format_func=lambda name: ABLATIONS[name].title,
        **choices.widget(Attention, "ablation"),
    )
    change = ABLATIONS[chosen]
    st.caption(change.about)
    learned = view.trace.logits[-1].softmax(dim=-1)  # (B, C)
    altered = ablate(model, features, chosen).logits[-1].softmax(dim=-1)
    classes, colors = view.pool.classes, class_colors(len(view.pool.classes))
    truth = int(view.labels[i])
    left, right = st.columns(2, gap="medium")
    for column, answer, title, key in (
        (left, learned, f"{view.call(i)}, as learned", "ablation-learned"),
        (right, altered, f"{view.call(i)}, {change.title}", "ablation-altered"),
    ):
        with column:
            fig = class_bars(
                answer[i].numpy(), classes, colors, truth=truth if truth >= 0 else None, title=title
            )
            figure.show(fig, key, alt(fig), height=vp.BAR_HEIGHT)
    moved = (learned.argmax(dim=1) != altered.argmax(dim=1)).sum()
    gap = permutation_gap(model, features, shuffle(range(len(features)), 1))
    st.markdown(
        f"With this change **{int(moved)} of {len(view.members)}** pictures of the group get "
        f"another answer. A check: with the batch in another order, the answers are the same in "
        f"that order (largest difference of the logits {gap:.1e})."
    )
    _on_the_test_set(view)
    with st.expander("How little the learned attention adds, and why"):
        st.markdown(_about())


def _about() -> str:
    """What attention contributes to the shipped run."""
    shipped, alone = measured("ablation-best-cifar10"), measured("trained-alone-cifar10")
    lost = 100 * (shipped.mean("learned") - shipped.mean("none"))
    return (
        f"Measured on the shipped run ({shipped.data}, in groups of 16): as learned "
        f"{shipped.percent('learned')}, looking at all alike {shipped.percent('uniform')}, only at "
        f"oneself {shipped.percent('identity')}, without √8 {shipped.percent('unscaled')}, no "
        f"mixing at all {shipped.percent('none')}. So the four passes matter, but most of what "
        "they do is the **constant** that each adds (the output bias): without any pass it is "
        f"{shipped.percent('passes 0')}. These weights rely on attention for {lost:.1f} percentage "
        "points; but a network trained with every picture alone reaches "
        f"{alone.percent('each alone')}, which is as good. The reason is in the data: random "
        "companions say nothing about a picture's class."
    )


def _on_the_test_set(view: View) -> None:
    """The accuracy of each ablation, on request, kept once computed."""
    measured = _kept(view)
    if not measured and (view.pool.own or len(view.pool) < ENOUGH):
        st.caption(
            "Accuracies are measured on a test set alone: bring the run's data to this machine, "
            "and remove your own pictures."
        )
        return
    label = f"Measure all on the {len(view.pool):,} {view.pool.name}"
    if not measured and st.button(label, icon=":material/speed:", key="measure"):
        measured = _measure(view)
    if measured:
        _show_measured(measured, view.moment.step)


def _show_measured(measured: dict, step: int) -> None:
    left, right = st.columns(2, gap="medium")
    titles = [ABLATIONS[name].title for name in measured["ablations"]]
    height = ablation_height(len(measured["passes"]))
    with left:
        fig = ablation_bars(
            titles, list(measured["ablations"].values()), measured["ablations"]["learned"],
            title=f"Test accuracy, groups of {measured['group']}",
        )  # fmt: skip
        figure.show(fig, "ablations", alt(fig), height=height)
    with right:
        passes = [f"{n} passes" if n != 1 else "1 pass" for n in range(len(measured["passes"]))]
        fig = ablation_bars(
            passes, measured["passes"], measured["passes"][PASSES], title="… after so many passes",
        )  # fmt: skip
        figure.show(fig, "passes-accuracy", alt(fig), height=height)
    st.caption(
        f"Measured on the {measured['images']:,} {measured['name']}, in fixed shuffled groups of "
        f"{measured['group']}, with the weights of step {step:,}."
    )


def _measure(view: View) -> dict:
    """Measure every ablation and number of passes, with a progress bar, and keep it."""
    bar = st.progress(0.0, "The test images pass through the convolutions …")
    model, pool = view.moment.model, view.pool
    features = features_of(model, pool.images, lambda done: bar.progress(done * 0.95))
    group = min(GROUP, len(pool))
    measured = {
        "name": pool.name,
        "images": len(pool),
        "group": group,
        "ablations": accuracies(model, features, pool.labels, group),
        "passes": accuracy(model, features, pool.labels, group, passes=MOST_PASSES).tolist(),
    }
    bar.empty()
    with contextlib.suppress(OSError):  # kept only to be faster the next time
        path = home() / "measured" / _name(view, pool.fingerprint)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(measured, indent=1).encode())
    return measured


def _kept(view: View) -> dict | None:
    """What was measured before, here or for the shipped run, with these weights."""
    data = view.pool.fingerprint if not view.pool.own else ""
    for folder in (home() / "measured", ASSETS / "measured" / "ablations"):
        for fingerprint in (data, view.moment.fingerprint):
            try:
                return json.loads((folder / _name(view, fingerprint)).read_text())
            except (OSError, ValueError):
                continue
    return None


def _name(view: View, fingerprint: str) -> str:
    """The file of what was measured with these weights on these images."""
    run, stamp = view.moment.key
    return f"{run}-{stamp}-{fingerprint}.json"
