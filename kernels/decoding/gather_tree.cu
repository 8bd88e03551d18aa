// The sequences of a beam search, from the tokens and parents of its steps: as TensorFlow's gather_tree.
//
// tokens, parents and out are [steps, batch, beams]; a thread follows one beam from its last step back, so that
// neighbouring threads read neighbouring beams. Grid (beams of all batches / block).
__global__ void __launch_bounds__(256)
    gather_tree(long long* __restrict__ out, const long long* __restrict__ tokens, const long long* __restrict__ parents,
                const long long* __restrict__ lengths, int steps, int rows, int beams, long long end)
{
    const int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) {
        return;
    }
    const int first = row / beams * beams;
    const int length = min(lengths[row / beams], static_cast<long long>(steps));
    long long* const own = out + row;
    for (int step = steps - 1; step >= length; --step) {
        own[static_cast<long long>(step) * rows] = end;
    }
    // A parent outside of its batch has no sequence before it: -1 from there on.
    long long beam = row - first;
    int ended = length;
    for (int step = length - 1; step >= 0; --step) {
        const bool known = beam >= 0 && beam < beams;
        const long long at = static_cast<long long>(step) * rows + first + beam;
        const long long token = known ? tokens[at] : -1;
        beam = known ? parents[at] : -1;
        own[static_cast<long long>(step) * rows] = token;
        if (token == end) {
            ended = step;
        }
    }
    for (int step = ended + 1; step < length; ++step) {
        own[static_cast<long long>(step) * rows] = end;
    }
}
