"""Ablations: what is left when a part of the attention is taken away."""

import contextlib
import json

import streamlit as st

from ...analysis.ablation import ABLATIONS, MOST_PASSES, accuracies, accuracy
from ...analysis.measured import measured
from ...data.groups import conditions
from ...errors import counted
from ...evaluation import features_of
from ...files import write_atomically
from ...model import PASSES
from ...places import ASSETS, home
from ...plots.answers import ablation_bars, ablation_height
from ...plots.axes import alt
from ..controls.snapshot import Snapshot
from ..figures import figure
from ..state.pool import Pool

GROUP = 16  # images, as in training
ENOUGH = 500  # test images; an accuracy of fewer is off by more than what is shown
TITLE = "Other attention, measured on the whole test set"


def show(chosen: Snapshot, pictures: Pool) -> None:
    """Draw it, closed until it is asked for."""
    box = st.expander(TITLE, key="measured", on_change="rerun")
    if box.open:
        with box:
            _show(chosen, pictures)


def _show(chosen: Snapshot, pictures: Pool) -> None:
    """The accuracy of each ablation, on request, kept once computed."""
    _measurement(chosen, pictures)
    st.markdown(_about_patches() if chosen.model.kind == "patches" else _about_images())


def _measurement(chosen: Snapshot, pictures: Pool) -> None:
    kept = _kept(chosen, pictures)
    if not kept and (pictures.own or len(pictures) < ENOUGH):
        st.caption(
            "Accuracies are measured on a test set alone: bring the run's data to this machine, "
            "and remove your own pictures."
        )
        return
    label = f"Measure all on the {len(pictures):,} {pictures.name}"
    if not kept and st.button(label, icon=":material/speed:", key="measure"):
        kept = _measure(chosen, pictures)
    if kept:
        _show_measured(kept, chosen.step)


def _about_images() -> str:
    """What attention contributes to the shipped run of images."""
    shipped, alone = measured("ablation-best-cifar10"), measured("trained-alone-cifar10")
    lost, alike = (
        100 * (shipped.mean("learned") - shipped.mean(other)) for other in ("none", "uniform")
    )
    return (
        f"Measured on the shipped run ({shipped.data}, in groups of 16): as learned "
        f"{shipped.percent('learned')}, all alike {shipped.percent('uniform')}, only "
        f"itself {shipped.percent('identity')}, without √8 {shipped.percent('unscaled')}, only the "
        f"bias {shipped.percent('none')}. So the four passes matter, but most of what "
        "they do is the **constant** that each adds (the output bias): without any pass it is "
        f"{shipped.percent('passes 0')}. Attention as learned is worth {lost:.1f} percentage "
        f"points more than that constant alone, and {alike:.1f} more than all alike; "
        "but a network trained with every picture alone reaches "
        f"{alone.percent('each alone')}, which is as good. The reason is in the data: random "
        "companions say nothing about a picture's class."
    )


def _about_patches() -> str:
    """What attention contributes to the shipped run of patches."""
    shipped, trained = measured("ablation-patches-cifar10"), measured("who-attends-cifar10")
    return (
        f"Measured on the shipped run of patches ({shipped.data}): as learned "
        f"{shipped.percent('learned')}, looking at all patches alike {shipped.percent('uniform')}, "
        f"without √8 {shipped.percent('unscaled')}, no mixing at all {shipped.percent('none')}. "
        "Here the network needs its attention: where all patches are looked at alike, the choice "
        "of what to look at is lost. Each patch looking only at itself gives the same as all "
        "alike, since the mean over all patches, which the classifier gets, is then the same. "
        "A network may learn to do without: trained from the start with each patch looking only "
        f"at itself, it reaches {trained.percent('patches, each on itself')} after 8 epochs, and "
        f"{trained.percent('patches')} with attention ({counted(len(trained.seeds), 'seed')})."
    )


def _show_measured(measured: dict, step: int) -> None:
    left, right = st.columns(2, gap="medium")
    titles = [ABLATIONS[name].title for name in measured["ablations"]]
    height = ablation_height(len(measured["passes"]))
    with left:
        fig = ablation_bars(
            titles, list(measured["ablations"].values()), measured["ablations"]["learned"],
            title=f"Test accuracy, {conditions(measured['group'])}",
        )  # fmt: skip
        figure.show(fig, "ablations", alt(fig), height=height)
    with right:
        passes = [f"{n} passes" if n != 1 else "1 pass" for n in range(len(measured["passes"]))]
        fig = ablation_bars(
            passes, measured["passes"], measured["passes"][PASSES], title="… after so many passes",
        )  # fmt: skip
        figure.show(fig, "passes-accuracy", alt(fig), height=height)
    group = measured["group"]
    met = "each alone" if group == 1 else f"in fixed shuffled groups of {group}"
    st.caption(
        f"Measured on the {measured['images']:,} {measured['name']}, {met}, with the weights of "
        f"step {step:,}."
    )


def _measure(chosen: Snapshot, pool: Pool) -> dict:
    """Measure every ablation and number of passes, with a progress bar, and keep it."""
    bar = st.progress(0.0, "The test images pass through the convolutions …")
    model = chosen.model
    features = features_of(model, pool.images, lambda done: bar.progress(done * 0.95))
    group = 1 if model.kind == "patches" else min(GROUP, len(pool))
    measured = {
        "name": pool.name,
        "images": len(pool),
        "group": group,
        "ablations": accuracies(model, features, pool.labels, group),
        "passes": accuracy(model, features, pool.labels, group, passes=MOST_PASSES).tolist(),
    }
    bar.empty()
    with contextlib.suppress(OSError):  # kept only to be faster the next time
        path = home() / "measured" / _name(chosen, pool.fingerprint)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(measured, indent=1).encode())
    return measured


def _kept(chosen: Snapshot, pool: Pool) -> dict | None:
    """What was measured before, here or for the shipped run, with these weights."""
    data = pool.fingerprint if not pool.own else ""
    for folder in (home() / "measured", ASSETS / "measured" / "ablations"):
        for fingerprint in (data, chosen.fingerprint):
            try:
                return json.loads((folder / _name(chosen, fingerprint)).read_text())
            except (OSError, ValueError):
                continue
    return None


def _name(chosen: Snapshot, fingerprint: str) -> str:
    """The file of what was measured with these weights on these images."""
    run, stamp = chosen.key
    return f"{run}-{stamp}-{fingerprint}.json"
