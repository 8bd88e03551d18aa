// One step of a beam search: bias, log-softmax, cumulative scores, and the best `beams` of all continuations of a batch.
//
// The scores of the vocabulary are never written: what leaves a block are its best tokens and two numbers from which the
// log-softmax is put together. Equal scores: the lower beam first; of one beam, the larger logit, then the lower token.
//
// Two stages: beam_tiles, grid (rows * tiles), then beam_merge<Update>, grid (batch), a warp a beam. One stage, for
// searches so small that a block a batch suffices: beam_block, grid (batch). With Update the state is brought up to date
// by the same launch (beam_update.cuh). Beams, of at most 32, are numbered batch-major: a row is a beam.
#include "beam_row.cuh"
#include "beam_update.cuh"

constexpr int max_beams = warp_size;

// What every beam of a batch offers, in shared memory; a column more than beams, against bank conflicts.
struct Offers {
    Candidate ranked[max_beams][max_beams + 1]; // [rank][beam]: by score and penalty
    float scores[max_beams][max_beams + 1];     // [beam][rank]
    int tokens[max_beams][max_beams + 1];
};

// Wu et al. 2016, equation 14.
__device__ __forceinline__ float length_penalty(int length, float alpha) { return powf((5.0f + length) / 6.0f, alpha); }

// What a beam brings along.
struct Past {
    float score;
    float penalty;

    static __device__ __forceinline__ Past of(
        const float* cumulative, const BeamState& before, long long row, float alpha)
    {
        const int length = before.lengths[row] + !before.finished[row];
        return {cumulative[row], length_penalty(length, alpha)};
    }
};

__device__ __forceinline__ void offer(
    Offers& offers, int beam, int rank, Candidate one, const Normalizer& normalizer, const Past& past)
{
    const float score = past.score + normalizer.log_probability(value_of(one));
    offers.scores[beam][rank] = score;
    offers.tokens[beam][rank] = index_of(one);
    offers.ranked[rank][beam] =
        one == no_candidate ? no_candidate : candidate(score / past.penalty, beam * max_beams + rank);
}

// By all threads of a block, after a barrier: a batch's beams from now on.
template <bool Update>
__device__ __forceinline__ void choose(const Offers& offers, float* scores, const NextState& next,
                                       const BeamState& before, long long first, int beams, int end, int step,
                                       int steps, int* parents)
{
    int parent = 0;
    int token = 0;
    const int lane = threadIdx.x;
    if (lane < warp_size) {
        const Candidate head = lane < beams ? offers.ranked[0][lane] : no_candidate;
        const unsigned won = index_of(merge_lists(head, beams, [&](int rank) { return offers.ranked[rank][lane]; }));
        if (lane < beams) {
            parent = won / max_beams;
            token = offers.tokens[parent][won % max_beams];
            scores[first + lane] = offers.scores[parent][won % max_beams];
        }
    }
    if constexpr (Update) {
        update_beams(next, before, first, beams, parent, token, end, step, steps, parents);
    } else if (lane < beams) {
        next.tokens[first + lane] = token;
        next.parents[first + lane] = parent;
    }
}

// candidates [rows, tiles, beams] and normalizers [rows, tiles] of tiles of `tile` tokens.
template <typename T, int N, int Items>
__global__ void __launch_bounds__(256)
    beam_tiles(const T* __restrict__ logits, Candidate* __restrict__ candidates, float2* __restrict__ normalizers,
               const T* __restrict__ bias, const bool* __restrict__ finished, int vocabulary, int tiles, int beams, int end,
               int tile)
{
    __shared__ Candidate best[2][max_warps];
    __shared__ float sums[2][max_warps];
    const long long row = blockIdx.x / tiles;
    const int first = blockIdx.x % tiles * tile;
    BeamRow<N, Items> walked;
    walked.walk(BeamLogits<T>{logits + row * vocabulary, bias, vocabulary, end, finished[row]}, first,
                min(first + tile, vocabulary), beams, best);
    const Normalizer normalizer = walked.normalizer(sums);
    if (threadIdx.x < beams) {
        candidates[static_cast<long long>(blockIdx.x) * beams + threadIdx.x] = walked.best;
    }
    if (threadIdx.x == 0) {
        normalizers[blockIdx.x] = make_float2(normalizer.largest, normalizer.total);
    }
}

// A warp a beam merges its tiles, of at most 32: a lane a tile. Then the block's first warp merges the beams.
template <bool Update>
__global__ void __launch_bounds__(1024)
    beam_merge(float* __restrict__ scores, long long* __restrict__ tokens, long long* __restrict__ parents,
               bool* __restrict__ next_finished, int* __restrict__ next_lengths, int* __restrict__ next_ancestors,
               const Candidate* __restrict__ candidates, const float2* __restrict__ normalizers,
               const float* __restrict__ cumulative, const bool* __restrict__ finished, const int* __restrict__ lengths,
               const int* __restrict__ ancestors, int tiles, int beams, int end, int step, int steps, float alpha)
{
    __shared__ Offers offers;
    __shared__ int chosen[max_beams];
    const int lane = threadIdx.x % warp_size;
    const int beam = threadIdx.x / warp_size;
    const long long first = static_cast<long long>(blockIdx.x) * beams;
    const BeamState before = {finished, lengths, ancestors};
    const long long tile = (first + beam) * tiles + lane;

    const float2 part = lane < tiles ? normalizers[tile] : make_float2(Max::identity(), 0.0f);
    Normalizer normalizer = {warp_reduce<Max>(part.x), 0.0f};
    normalizer.total = warp_reduce<Sum>(part.y * expf(part.x - normalizer.origin()));
    const Candidate* list = candidates + tile * beams;
    const Candidate one =
        merge_lists(lane < tiles ? list[0] : no_candidate, beams, [&](int rank) { return list[rank]; });
    if (lane < beams) {
        offer(offers, beam, lane, one, normalizer, Past::of(cumulative, before, first + beam, alpha));
    }
    __syncthreads();
    const NextState next = {tokens, parents, next_finished, next_lengths, next_ancestors};
    choose<Update>(offers, scores, next, before, first, beams, end, step, steps, chosen);
}

// A block walks over one beam of its batch after the other.
template <typename T, int N, int Items, bool Update>
__global__ void __launch_bounds__(256)
    beam_block(const T* __restrict__ logits, const T* __restrict__ bias, float* __restrict__ scores,
               long long* __restrict__ tokens, long long* __restrict__ parents, bool* __restrict__ next_finished,
               int* __restrict__ next_lengths, int* __restrict__ next_ancestors,
               const float* __restrict__ cumulative, const bool* __restrict__ finished, const int* __restrict__ lengths,
               const int* __restrict__ ancestors, int vocabulary, int beams, int end, int step, int steps, float alpha)
{
    __shared__ Offers offers;
    __shared__ int chosen[max_beams];
    __shared__ Candidate best[2][max_warps];
    __shared__ float sums[2][max_warps];
    const long long first = static_cast<long long>(blockIdx.x) * beams;
    const BeamState before = {finished, lengths, ancestors};
    for (int beam = 0; beam < beams; ++beam) {
        const long long row = first + beam;
        BeamRow<N, Items> walked;
        walked.walk(BeamLogits<T>{logits + row * vocabulary, bias, vocabulary, end, finished[row]}, 0, vocabulary,
                    beams, best);
        const Normalizer normalizer = walked.normalizer(sums);
        if (threadIdx.x < beams) {
            offer(offers, beam, threadIdx.x, walked.best, normalizer, Past::of(cumulative, before, row, alpha));
        }
        __syncthreads(); // `best` and `sums` are free again, and the offers visible
    }
    const NextState next = {tokens, parents, next_finished, next_lengths, next_ancestors};
    choose<Update>(offers, scores, next, before, first, beams, end, step, steps, chosen);
}

// The state after tokens that were chosen elsewhere: `chosen` [batch, beams] are parent * vocabulary + token. Grid (batch).
__global__ void __launch_bounds__(256)
    beam_update(long long* __restrict__ tokens, long long* __restrict__ parents, bool* __restrict__ next_finished,
                int* __restrict__ next_lengths, int* __restrict__ next_ancestors,
                const long long* __restrict__ chosen, const bool* __restrict__ finished,
                const int* __restrict__ lengths, const int* __restrict__ ancestors, int vocabulary, int beams, int end,
                int step, int steps)
{
    __shared__ int shared_parents[max_beams];
    const long long first = static_cast<long long>(blockIdx.x) * beams;
    const long long one = threadIdx.x < beams ? chosen[first + threadIdx.x] : 0;
    update_beams({tokens, parents, next_finished, next_lengths, next_ancestors},
                 {finished, lengths, ancestors}, first, beams, static_cast<int>(one / vocabulary),
                 static_cast<int>(one % vocabulary), end, step, steps, shared_parents);
}
