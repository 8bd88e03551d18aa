// The sequences of a beam search, from the tokens and parents of its steps: as TensorFlow's gather_tree.
//
// tokens, parents and out are [steps, batch, beams]; a thread follows one beam from its last step back, so that
// neighbouring threads read neighbouring beams. Grid (beams of all batches / block).
__global__ void __launch_bounds__(256)
    gather_tree(long long* __restrict__ out, const long long* __restrict__ tokens, const long long* __restrict__ parents,
                const long long* __restrict__ lengths, int steps, long long rows, int beams, long long end)
{
    const long long row = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row >= rows) {
        return;
    }
    const long long first = row / beams * beams;
    const long long length = min(lengths[row / beams], static_cast<long long>(steps));
    for (long long step = steps - 1; step >= length; --step) {
        out[step * rows + row] = end;
    }
    // A parent outside of its batch has no sequence before it: -1 from there on.
    long long beam = row - first;
    long long ended = length;
    for (long long step = length - 1; step >= 0; --step) {
        const bool known = beam >= 0 && beam < beams;
        const long long at = step * rows + first + beam;
        const long long token = known ? tokens[at] : -1;
        beam = known ? parents[at] : -1;
        out[step * rows + row] = token;
        if (token == end) {
            ended = step;
        }
    }
    for (long long step = ended + 1; step < length; ++step) {
        out[step * rows + row] = end;
    }
}
