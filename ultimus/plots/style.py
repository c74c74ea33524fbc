"""The colours of all figures."""

# Okabe-Ito, told apart by colour-blind readers and readable on white and on near-black.
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#888888"
VERMILION, GREEN = "#D55E00", "#009E73"

# Searched at random, then refined, for the largest least distance (in OKLab, Ottosson 2020) among
# ten colours that contrast at least 2:1 (WCAG 2) with white and with #0e1117. The closest pair is
# 0.20 apart, and 0.12 as seen with any of the three colour blindnesses (simulated after Machado
# et al. 2009); the closest of matplotlib's ten (tab10) are 0.007 apart to a protanope.
CLASS_COLORS = (
    "#449EFF", "#89026B", "#9CB001", "#F2A2A4", "#B1610D",
    "#930FFB", "#028B7B", "#4E4701", "#0048AD", "#FF40C1",
)  # fmt: skip

# Attention, from nothing to much: seaborn's mako, even in perceived lightness.
MAKO = ("#DEF5E5", "#8BDAB2", "#40B7AD", "#348FA7", "#37659E", "#413D7B", "#2E1E3B")

# Signed numbers: after ColorBrewer's PuOr, violet below zero and orange above, which the
# colour-blind tell apart and which no query, key or value has; both sides are equally light.
VIOLET = ("#D8DAEB", "#B2ABD2", "#8073AC", "#542788")
ORANGE_SCALE = ("#FEE0B6", "#FDB863", "#C76A0C", "#7F3B08")

NEGATIVE, POSITIVE, WEIGHT = "#8073AC", "#CC7410", "#348FA7"  # bars, on pages of either theme


def class_colors(count: int) -> list[str]:
    """One colour for each class; from the eleventh class on they repeat."""
    return [CLASS_COLORS[i % len(CLASS_COLORS)] for i in range(count)]
