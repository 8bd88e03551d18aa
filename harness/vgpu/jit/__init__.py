"""PTX functions to machine code, a warp at a time: a register is a vector of 32 lanes.

In: a function of the typed program. Out: object code of `int32 warp(vgpu_warp *)`, and the facts its launch needs.
"""
