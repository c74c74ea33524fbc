"""One image on the Predict page: what the network sees of it, its answers, companions, evidence."""

import base64
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch

from ...analysis.evidence import MOST as BASELINE
from ...analysis.evidence import baseline, evidence
from ...analysis.prediction import Companions, Influence, Prediction, draw_companions, influences
from ...data.image_files import frame
from ...plots import vectors as vp
from ...plots.answers import class_bars, spread_figure
from ...plots.axes import alt
from ...plots.evidence import HEIGHT, evidence_map
from ...plots.faces import Faces, data_uri, faces
from ...plots.style import class_colors
from ..controls import uploads
from ..controls.snapshot import SAME, Snapshot
from ..figures import figure
from ..state.pool import Pool

ENLARGED = 224  # pixels that the 32 of a picture are shown at
MOST = 12  # companions that are shown
FITS = {"crop": "Centre", "pad": "Whole", "box": "My square"}
ABOUT_ALONE = """
The network never learned to look at a single image: in training there were always others, and
attention runs **across** them. Alone, an image can attend only to itself: its weight is exactly 1.
With other companions the same image can get another answer, so one number would not be honest.
The answer here is the average over {draws} groups, each with {count} companions drawn at random
from {pool}; the dots show every one of them. They are the same each time. No image is its own
companion, nor is a copy of it: another is drawn in its place.
"""
ABOUT_EVIDENCE = """
conv3 and the average are linear, and alone the attention is exactly 1. So the logit of every class
is **exactly** a constant plus the sum of what each of the 32 × 32 places contributes: nothing is
estimated. Where the constant ends and the places begin is a **choice**: here places are measured
from a baseline, the mean of {count} {pool}. So the constant is what the network says of them on
average, and the map shows what this image has that others have not. From another baseline, such as
a black image, the maps would differ, and add up to the same logit.

Only differences between classes count in the end, so each map shows a class less the average of all
classes: orange places speak for the class, violet ones for others; the darkest colours are those of
the strongest 2 % of the places. A place sees 5 × 5 pixels. In company the softmax is not linear,
and no such exact map exists: this one is of the image **alone**.
"""
ABOUT_EVIDENCE_OF_PATCHES = """
The patches of this image attend to each other, and softmax is not linear. So the map is of **first
order**: the derivative of each logit by what conv2 sees, times how much this image differs from the
mean of {count} {pool}. Each map shows a class less the average of all classes: orange places speak
for the class, violet ones for others. What the map leaves unexplained is in the constant.
"""


@dataclass(frozen=True)
class Shown:
    """A picture on the page.

    Attributes:
        name: for people.
        image: what the network sees: uint8 (3, 32, 32).
        label: its class where it is known, else -1.
        upload: where it comes from; None for an example.
    """

    name: str
    image: np.ndarray
    label: int = -1
    upload: uploads.Upload | None = None


@st.cache_resource(
    show_spinner="The companions pass through the convolutions …", max_entries=64, hash_funcs=SAME
)
def companions_of(chosen: Snapshot, pool: Pool) -> Companions:
    """What any image meets at a snapshot, drawn once."""
    return draw_companions(chosen.model, pool.images)


def most_probable(probabilities: torch.Tensor, classes: tuple[str, ...]) -> str:
    """The most probable class (C,) and its probability, in words."""
    top = int(probabilities.argmax())
    return f"{classes[top]} {float(probabilities[top]):.1%}"


def show(
    chosen: Snapshot,
    companions_pool: Pool,
    companions: Companions,
    picture: Shown,
    answer: Prediction,
    count: int,
) -> None:
    """One picture: what the network sees, its answers, its companions, its evidence."""
    classes, colors = companions_pool.classes, class_colors(len(companions_pool.classes))
    beside = companions.beside(torch.from_numpy(picture.image))
    drawn_from = _drawn_from(beside, companions_pool)
    left, middle, right = st.columns([1, 1, 1.25], gap="medium")
    with left:
        _what_it_sees(picture)
    with middle:
        _answer(answer, picture.label, classes, colors)
    with right:
        if beside.any:
            _spread(answer, classes, colors)
        else:
            _evidence(chosen, companions_pool, picture.image, answer.top)
    st.markdown(_in_words(answer, classes, count, drawn_from))
    if beside.note:
        st.caption(beside.note)
    if beside.any:
        _in_company(chosen, companions_pool, beside, picture.image, answer.top)


def _answer(answer: Prediction, label: int, classes: tuple[str, ...], colors: list[str]) -> None:
    """The answer, and which would be right where that is known."""
    truth, values = label if label >= 0 else None, answer.probabilities.numpy()
    fig = class_bars(values, classes, colors, title="The answer", truth=truth)
    figure.show(fig, "predicted", alt(fig), height=340)


def _in_company(
    chosen: Snapshot, companions_pool: Pool, beside: Companions, image: np.ndarray, top: int
) -> None:
    """What is to be said only where images have companions."""
    with st.expander("Why not just one number?"):
        draws, others = beside.indices.shape
        pool = _drawn_from(beside, companions_pool)
        st.markdown(ABOUT_ALONE.format(draws=draws, count=others, pool=pool))
    left, right = st.columns([1, 1.4], gap="medium")
    with left:
        _evidence(chosen, companions_pool, image, top)
    with right:
        _who_mattered(chosen, companions_pool, beside, image, top)


def _spread(answer: Prediction, classes: tuple[str, ...], colors: list[str]) -> None:
    """The answer in each company."""
    probabilities = answer.company.probabilities.numpy()
    fig = spread_figure(probabilities, answer.alone.numpy(), classes, colors)
    figure.show(fig, "predicted-company", alt(fig), height=340)


def _drawn_from(beside: Companions, pool: Pool) -> str:
    """What an image's companions are drawn from: "the other 19 example pictures"."""
    return f"the {'other ' * (beside.pool < len(pool))}{beside.pool:,} {pool.name}"


def _in_words(answer: Prediction, classes: tuple[str, ...], count: int, drawn_from: str) -> str:
    """The three answers, and how sure they are."""
    top, company = answer.top, answer.company
    behind = answer.probabilities.argsort(descending=True)[1:3].tolist()
    others = ", ".join(f"{classes[n]} {float(answer.probabilities[n]):.1%}" for n in behind)
    said = f"**{classes[top]}** with **{float(answer.probabilities[top]):.1%}**"
    draws, companions = company.companions.shape
    if not companions:
        return f"{said} (then {others})."
    sentences = [
        f"{said} on average over {draws} groups of {companions + 1}, each with {companions} of "
        f"{drawn_from} (then {others}).",
        _from_group_to_group(answer),
        f"Alone: {most_probable(answer.alone, classes)}.",
    ]
    if answer.together is not None:
        sentences.append(
            f"Together with the other {count - 1} of this table: "
            f"{most_probable(answer.together, classes)}."
        )
    return " ".join(sentences)


def _from_group_to_group(answer: Prediction) -> str:
    low, high = (
        f"{float(end[answer.top]):.1%}" for end in (answer.company.low, answer.company.high)
    )
    spread = f"From group to group it goes from {low} to {high}"
    if low == high:
        spread = f"It is {low} in every one of them"
    if not answer.change_rate:
        return f"{spread}; in none another class comes first."
    return f"{spread}; in **{answer.change_rate:.0%}** of them another class comes first."


def _what_it_sees(picture: Shown) -> None:
    """The original, and the 32 x 32 pixels that the network gets."""
    pictures = []
    if picture.upload:
        content, size = picture.upload.preview
        pictures.append(_original(content, size, frame(size, uploads.fit(picture.upload.key))))
    seen = (
        f'<img src="{data_uri(picture.image)}" alt="the picture as the network sees it" '
        f'style="width:{ENLARGED}px;max-width:100%;image-rendering:pixelated;border-radius:4px">'
    )
    pictures.append(_captioned(seen, "The network's input: 32 × 32 pixels"))
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:1rem">{"".join(pictures)}</div>')
    if picture.upload:
        _framing(picture.upload.key)


def _captioned(picture: str, text: str) -> str:
    caption = f'<figcaption style="font-size:.85rem;opacity:.75">{text}</figcaption>'
    return f'<figure style="margin:0">{picture}{caption}</figure>'


def _original(content: bytes, size: tuple[int, int], box: tuple[float, ...]) -> str:
    """The picture as it came, with a frame around what is used of it."""
    width, height = size
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    uri = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    left, top, right, bottom = box
    place = (
        f"left:{left / width:.2%};top:{top / height:.2%};"
        f"width:{(right - left) / width:.2%};height:{(bottom - top) / height:.2%}"
    )
    picture = (
        f'<div style="position:relative;display:inline-block;line-height:0">'
        f'<img src="{uri}" alt="the picture as it came" '
        f'style="max-width:100%;max-height:{ENLARGED}px;border-radius:4px">'
        f'<div style="position:absolute;box-sizing:border-box;border:2px solid #fff;'
        f'outline:1px solid #000;{place}"></div></div>'
    )
    return _captioned(picture, f"Your picture, {width:,} × {height:,} pixels; the frame is used")


def _framing(key: str) -> None:
    """Let the person choose what is used of a picture."""
    chosen = uploads.framing(key)
    st.segmented_control(
        "What is used", list(FITS), format_func=FITS.get, default=chosen.kind, required=True,
        key=f"kind {key}", on_change=_take_framing, args=(key,),
    )  # fmt: skip
    if chosen.kind == "box":
        for part, least in (("left", 0.0), ("top", 0.0), ("size", 0.05)):
            st.slider(
                part.capitalize(), least, 1.0, getattr(chosen, part), 0.01, key=f"{part} {key}",
                format="percent", on_change=_take_framing, args=(key,),
            )  # fmt: skip
    st.button("Remove this picture", icon=":material/delete:", on_click=uploads.forget, args=(key,))


def _take_framing(key: str) -> None:
    former = uploads.framing(key)._asdict()
    chosen = {part: st.session_state.get(f"{part} {key}", value) for part, value in former.items()}
    uploads.frame(key, uploads.Framing(**chosen))


# Companions and evidence --------------------------------------------------------------------------


def _who_mattered(
    chosen: Snapshot, companions_pool: Pool, beside: Companions, image: np.ndarray, top: int
) -> None:
    """The companions whose leaving changes the answer most."""
    name = companions_pool.classes[top]
    most = _influences(chosen, companions_pool, image)[:MOST]
    who = _faces(companions_pool, [influence.companion for influence in most])
    change = np.array([influence.change for influence in most], np.float32)
    title = f"Who mattered most for “{name}”"
    fig = vp.influence_bars(change, who, title, HEIGHT)
    figure.show(fig, "predicted-influence", alt(fig), height=HEIGHT)
    st.caption(
        f"Each companion is left out of its group, once: by how much “{name}” changes, for the "
        f"{len(most)} of {beside.indices.unique().numel()} that matter most. Violet: it spoke "
        "for the class."
    )


def _faces(pool: Pool, members: list[int]) -> Faces:
    known = [label if label >= 0 else None for label in pool.labels[members].tolist()]
    return faces(pool.images[members].numpy(), known, pool.classes)


@st.cache_data(show_spinner=False, max_entries=256, hash_funcs=SAME)
def _influences(chosen: Snapshot, pool: Pool, image: np.ndarray) -> list[Influence]:
    return influences(chosen.model, image, companions_of(chosen, pool))


def _evidence(chosen: Snapshot, pool: Pool, image: np.ndarray, top: int) -> None:
    """Where in the image the evidence for a class lies."""
    name = st.selectbox("Evidence for", pool.classes, index=top, key=f"evidence {top}")
    place = pool.classes.index(name)
    start = _baseline(chosen, pool)
    found = evidence(chosen.model, torch.from_numpy(image), None, start).contrast()
    title = f"Evidence for “{name}”" + ", of the image alone" * found.exact
    fig = evidence_map(found.maps[place].numpy(), image, name, title)
    figure.show(fig, "evidence", alt(fig), height=HEIGHT)
    count = f"{min(BASELINE, len(pool)):,}"
    total, constant = float(found.maps[place].sum()), float(found.constants[place])
    logit = float(found.logits[place])
    st.caption(
        f"{'Alone, its' if found.exact else 'Its'} logit for “{name}” is {logit:+.3f} beside the "
        f"mean of all classes: {constant:+.3f} as the mean of {count} {pool.name}, and "
        f"{total:+.3f} from the places of this image."
        + " The answer above is in company."
        * found.exact
    )
    with st.expander("What is this?"):
        about = ABOUT_EVIDENCE if found.exact else ABOUT_EVIDENCE_OF_PATCHES
        st.markdown(about.format(count=count, pool=pool.name))


@st.cache_resource(show_spinner=False, max_entries=64, hash_funcs=SAME)
def _baseline(chosen: Snapshot, pool: Pool) -> torch.Tensor:
    return baseline(chosen.model, pool.images)
