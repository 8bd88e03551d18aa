"""Which tables there are: the suite, its sizes, the device and host, and the published figures beside them.

In: a name. Out: an `Original`. Sizes and settings are those of FasterTransformer's README, releases 1.0 to 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import FuseproofError
from harness.sweep import Sweep, case_id


@dataclass(frozen=True)
class Original:
    """`published` names a file of harness/validation/data and, of our reference and our fused function, its column.

    `device` is what is taken where the command names none. `note` says in what the published programs differ.
    """

    name: str
    title: str
    suite: str
    sweep: Sweep
    device: str
    published: str = ""
    columns: tuple[str, str] = ("", "")
    note: str = ""

    def ids(self) -> list[str]:
        """The ids of its cases."""
        return [case_id(axes) for axes in self.sweep]


_BATCHES = (1, 8, 32, 64, 128)
_DECODED = (1, 32, 64, 128, 256)
_LENGTHS = (32, 64, 128)
_DTYPES = ("fp32", "fp16")
_ENCODER = {"heads": 12, "size": 64, "layers": 12}
_DECODING = {"layers": 6, "vocabulary": 31538, "memory": 32}
_ENCODERS_DIFFER = (
    "published: PyTorch 1.4 in C++'s and Python's own launches, ours: PyTorch 2 and PyCUDA; the CUDA graph takes the "
    "host out of ours"
)
_DECODERS_DIFFER = (
    "published: memory of 512 columns and unknown length, and PyTorch 1.4; ours: as wide as the model, 32 tokens long"
)

_TABLES = (
    Original("encoder-v100", "BERT-base's encoder on a V100", "encoder",
             Sweep(batch=_BATCHES, seq=_LENGTHS, dtype=_DTYPES, **_ENCODER), "vgpu:V100:dgx1-2020",
             "fastertransformer_2_1_encoder_v100", ("pytorch_eager", "fused"), _ENCODERS_DIFFER),
    Original("encoder-t4", "BERT-base's encoder on a T4", "encoder",
             Sweep(batch=_BATCHES, seq=_LENGTHS, dtype=_DTYPES, **_ENCODER), "vgpu:T4:xeon-e5-2603-v4",
             "fastertransformer_2_1_encoder_t4", ("pytorch_eager", "fused"), _ENCODERS_DIFFER),
    Original("encoder-v100-large", "Large batches of short sequences on a V100: 12 heads of 64, and 4 of 32", "encoder",
             Sweep(batch=(100, 200, 300, 400, 500), seq=32, dtype=_DTYPES, **_ENCODER)
             + Sweep(batch=(100, 200, 300, 400, 500), seq=32, dtype=_DTYPES, heads=4, size=32, layers=12),
             "vgpu:V100:dgx1-2020"),
    Original("decoder-v100", "A decoder layer at step 64, 8 heads of 64, on a V100", "decoder_layer",
             Sweep(batch=_DECODED, seq=64, beams=(1, 4), dtype=_DTYPES, heads=8), "vgpu:V100:dgx1-2020"),
    Original("decoding-v100", "Beam search, 6 layers of 8 heads of 64, on a V100", "decoding",
             Sweep(batch=_DECODED, seq=_LENGTHS, beam=(1, 4), dtype=_DTYPES, **_DECODING), "vgpu:V100:dgx1-2020",
             "fastertransformer_2_1_decoding_v100", ("pytorch_eager", "fused_decoding"), _DECODERS_DIFFER),
)  # fmt: skip

TABLES = {table.name: table for table in _TABLES}


def original(name: str) -> Original:
    """The table of that name; FuseproofError lists those that there are."""
    if name not in TABLES:
        raise FuseproofError(f"no table is called {name!r}: there are {', '.join(TABLES)}")
    return TABLES[name]
