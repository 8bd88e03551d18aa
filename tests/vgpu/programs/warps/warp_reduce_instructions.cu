// The warp reductions that Ampere has an instruction for.

extern "C" __global__ void reductions(unsigned *out, const int *in) {
    int i = threadIdx.x, value = in[i];
    unsigned *row = out + 10 * i;
    row[0] = __reduce_add_sync(~0u, value);
    row[1] = __reduce_min_sync(~0u, value);
    row[2] = __reduce_max_sync(~0u, value);
    row[3] = __reduce_min_sync(~0u, static_cast<unsigned>(value));
    row[4] = __reduce_max_sync(~0u, static_cast<unsigned>(value));
    row[5] = __reduce_and_sync(~0u, static_cast<unsigned>(value) | 0xff00u);
    row[6] = __reduce_or_sync(~0u, static_cast<unsigned>(value) & 0xffffu);
    row[7] = __reduce_xor_sync(~0u, static_cast<unsigned>(value));
    int lane = i % 32;
    if (lane < 10) row[8] = __reduce_add_sync(0x3ff, value);
    else row[8] = __reduce_max_sync(~0x3ffu, value);
    row[9] = 0;
}
