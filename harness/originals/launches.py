"""How many launches the original systems make of what our composed suites compute, and where each figure is from.

In: a suite's name. Out: an `OriginalLaunches` for each system that is known, which makes the figure of a case from its
axes. The one place of these figures: reports show them, and tests hold the documents to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Axes: TypeAlias = Mapping[str, Any]

LAYER = 14  # of the encoder
DECODER_LAYER = 15
FIRST_STEP = 2  # GEMMs more a layer: keys and values of the memory
AROUND_A_STEP = 10  # of decoding, beside its layers

_GUIDE = "docs/bert_guide.md of NVIDIA/FasterTransformer"
_SOURCE = "counted from open_decoder.h, NVIDIA/FasterTransformer at 0280a66"
_UNPUBLISHED = "handed down beside FasterTransformer's; no publication of it was found"


@dataclass(frozen=True)
class OriginalLaunches:
    """`count` makes a case's figure from its axes; `about` where the source gives no exact one."""

    system: str
    suites: tuple[str, ...]
    what: str
    source: str
    count: Callable[[Axes], int]
    about: bool = False


def decoding_step(layers: int) -> int:
    """From the second step on."""
    return DECODER_LAYER * layers + AROUND_A_STEP


_ENCODERS = ("encoder_layer", "encoder_layer_split", "encoder")
_TABLE = (
    OriginalLaunches("FasterTransformer", _ENCODERS, f"{LAYER} an encoder layer, 8 GEMMs and 6 kernels", _GUIDE,
                     lambda axes: LAYER * axes.get("layers", 1)),
    OriginalLaunches("FasterTransformer", ("decoder_layer", "decoder_stack"),
                     f"{DECODER_LAYER} a decoder layer from step 2 on, 8 GEMMs and 7 kernels", _SOURCE,
                     lambda axes: DECODER_LAYER * axes.get("layers", 1)),
    OriginalLaunches("FasterTransformer", ("first_decoder_layer",),
                     f"{DECODER_LAYER + FIRST_STEP} a decoder layer at step 1, 10 GEMMs and 7 kernels", _SOURCE,
                     lambda axes: DECODER_LAYER + FIRST_STEP),
    OriginalLaunches("FasterTransformer", ("decoding",),
                     f"{DECODER_LAYER} a decoder layer and {AROUND_A_STEP} around them a decoding step, "
                     f"{FIRST_STEP} a layer more at step 1",
                     f"layers {_SOURCE}; the {AROUND_A_STEP} are handed down, not counted",
                     lambda axes: axes["seq"] * decoding_step(axes["layers"]) + FIRST_STEP * axes["layers"]),
    OriginalLaunches("TensorFlow", _ENCODERS, "about 50 an encoder layer", _UNPUBLISHED,
                     lambda axes: 50 * axes.get("layers", 1), about=True),
    OriginalLaunches("XLA", _ENCODERS, "about 24 an encoder layer", _UNPUBLISHED,
                     lambda axes: 24 * axes.get("layers", 1), about=True),
)  # fmt: skip


def originals_of(suite: str) -> list[OriginalLaunches]:
    """Of the systems whose launches are known for this suite, one each."""
    return [each for each in _TABLE if suite in each.suites]
