"""Weights to take away, and weights that a person brings."""

from importlib.util import find_spec
from typing import NamedTuple

import streamlit as st

from ...checkpoints.export_forms import Form
from ...checkpoints.state_dicts import SeveralWeights
from ...data import limits
from ...errors import UserError
from ...explorer import page
from ...links.pages import FOLLOW, Shown
from ...places import is_public, runs_folder
from ...runs import curve_files
from ...runs.exchange import adopt, export
from ...runs.run import Run
from ..state import browser, choices, guard, session, text

CURVES = {"csv": "CSV", "tensorboard": "TensorBoard"}


class Several(NamedTuple):
    """A file that holds several sets of weights, of which one has to be chosen."""

    name: str
    content: bytes
    choices: tuple[str, ...]


@guard.fragment
def show(run: Run) -> None:
    """Draw a button that opens it; by itself, so that the page need not be drawn again."""
    menu = st.popover(
        "Weights", icon=":material/save:", width="stretch", key=f"weights {run.id}",
        on_change="rerun",
    )  # fmt: skip
    if menu.open:  # what can be saved is made only then
        with menu:
            _save(run)
            _load()


def _save(run: Run) -> None:
    steps = run.snapshots
    if not steps:
        return
    st.markdown("**Save** the weights of a step")
    step = st.selectbox("Step", steps, index=len(steps) - 1, key=f"saved step {run.id}")
    row = st.container(horizontal=True)
    try:
        _download(row, run, step, "safetensors", "with recipe, classes and accuracy in it")
        _download(row, run, step, "pt", "for the seed's own code: `model.load_state_dict`")
        _download(row, run, step, "hf", "a folder for Hugging Face, with a model card", "HF folder")
        if find_spec("onnxscript"):
            _download_onnx(row, run, step)
        _page(run)
        _curves(run)
    except UserError as error:
        st.error(text.plain(str(error)))
    if not is_public():
        st.caption("On this machine they are in")
        st.code(run.snapshot(step), language=None, wrap_lines=True)


def _page(run: Run) -> None:
    """The whole run in one HTML file, which is made only when it is asked for."""
    st.markdown(f"**Look** at the run [in a page of its own](see?run={run.id}), or take it along")
    st.download_button(
        "One HTML file", lambda: page.page(run), page.name(run), "text/html", key="save page",
        icon=":material/download:", on_click="ignore",
        help="All snapshots in a page that opens from any disk, without a network.",
    )  # fmt: skip


def _curves(run: Run) -> None:
    """The numbers of its curves, which are written at the click."""
    if not run.metrics().rows:
        return
    st.markdown("**Curves** for other tools")
    row = st.container(horizontal=True)
    forms = curve_files.FORMS if curve_files.has_tensorboard() else ("csv",)
    for form in forms:
        row.download_button(
            CURVES[form], lambda form=form: curve_files.export(run, form)[1],
            curve_files.name(run, form), on_click="ignore", icon=":material/download:",
            key=f"save {form}",
        )  # fmt: skip


def _load() -> None:
    st.markdown("**Load** weights of this network")
    tries = st.session_state.setdefault("loads", 0)
    file = st.file_uploader(
        "A .safetensors file, or one that torch.save wrote (.pt, .pth, .bin, .ckpt)",
        key=f"load {tries}", max_upload_size=limits.MAX_CHECKPOINT_BYTES // 2**20,
        help="They become a run of their own, which every page can show. Program code in a file "
        "is never run.",
    )  # fmt: skip
    if file:
        _adopt(file.name, file.getvalue())
    if several := st.session_state.get("several"):
        _choose(several)
    if problem := st.session_state.get("not_loaded"):
        st.error(text.plain(problem))


def _choose(several: Several) -> None:
    """Ask which weights of a file are meant."""
    labels = dict(zip(several.choices, map(text.plain, several.choices), strict=True))
    st.markdown(f"{text.plain(several.name)} holds {len(labels)} sets of weights.")
    chosen = st.radio("Which of them?", labels, format_func=labels.get)
    if st.button("Load these", type="primary"):
        _adopt(several.name, several.content, chosen)


def _download(row, run: Run, step: int, form: Form, what: str, label: str = "") -> None:
    name, content = export(run, step, form)
    row.download_button(
        label or f".{form}", content, name, icon=":material/download:", help=what,
        on_click="ignore", key=f"save {form}",
    )  # fmt: skip


def _download_onnx(row, run: Run, step: int) -> None:
    """Written at the click, as it takes some seconds."""
    row.download_button(
        ".onnx", lambda: export(run, step, "onnx").content, f"ultimus-{run.id}-step{step}.onnx",
        icon=":material/download:", help="for other runtimes; any number of pictures in a batch",
        on_click="ignore", key="save onnx",
    )  # fmt: skip


def _adopt(name: str, content: bytes, weights: str = "") -> None:
    """Show what was loaded, or say why it cannot be; where there are several sets, ask."""
    st.session_state.loads += 1
    st.session_state.not_loaded, st.session_state.several = "", None
    try:
        if refusal := session.lab().quota.checkpoint_refusal(browser.owner()):
            raise UserError(refusal)
        run = adopt(content, name, runs_folder(), browser.owner(), weights)
        choices.change(Shown, run=run.id, step=FOLLOW)
    except SeveralWeights as error:
        st.session_state.several = Several(limits.shown(name), content, error.choices)
    except UserError as error:
        st.session_state.not_loaded = str(error)
    st.rerun()
