// What a beam offers the search: its best tokens, and the normalisation of its log-softmax.
#pragma once

#include "../cuda/vector.cuh"
#include "candidates.cuh"

// exp(x - largest) sums to `total` over tokens. A row of -inf has no maximum to measure from: its total is 0.
struct Normalizer {
    float largest;
    float total;

    static __device__ __forceinline__ Normalizer empty() { return {Max::identity(), 0.0f}; }
    __device__ __forceinline__ float origin() const { return largest == Max::identity() ? 0.0f : largest; }
    __device__ __forceinline__ float log_probability(float x) const { return x - largest - logf(total); }
};

// The logits of one beam, in FP32 with their bias. A finished beam can only go on with `end`, for free.
template <typename T>
struct BeamLogits {
    const T* logits;
    const T* bias;
    int vocabulary;
    int end;
    bool finished;

    // Tokens from `token` on; those behind the vocabulary are -inf.
    template <int N>
    __device__ __forceinline__ Vector<float, N> load(int token) const
    {
        Vector<float, N> value;
        if (finished || token >= vocabulary) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                value.at[i] = token + i == end ? 0.0f : Max::identity();
            }
            return value;
        }
        value = load_float<N>(logits + token);
        const Vector<float, N> shift = load_float<N>(bias + token);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            value.at[i] += shift.at[i];
        }
        return value;
    }
};

// A block walks over the tokens from `first` to `last` of one beam, Items vectors of N a thread at a time, which stay in
// registers: memory is passed over once. Afterwards `best` of thread r is the r-th best of `count` candidates. `last` is
// the vocabulary's end, or a whole number of such steps behind `first`.
template <int N, int Items>
struct BeamRow {
    Vector<float, N> held[Items];
    Candidate best = no_candidate;
    Normalizer sum = Normalizer::empty();

    template <typename T>
    __device__ __forceinline__ void walk(
        const BeamLogits<T>& beam, int first, int last, int count, Candidate (*partials)[max_warps])
    {
        int turn = 0;
        for (int base = first; base < last; base += blockDim.x * Items * N) {
#pragma unroll
            for (int item = 0; item < Items; ++item) {
                held[item] = beam.template load<N>(token(base, item));
            }
            add_up();
            select(base, last, count, partials, turn);
        }
    }

    // Of all threads. `partials` are used by nothing else between two barriers.
    __device__ __forceinline__ Normalizer normalizer(float (*partials)[max_warps]) const
    {
        const float largest = BlockPerRow::reduce<Max>(sum.largest, partials[0]);
        const Normalizer whole = {largest, 0.0f};
        return {largest, BlockPerRow::reduce<Sum>(sum.total * expf(sum.largest - whole.origin()), partials[1])};
    }

private:
    __device__ __forceinline__ int token(int base, int item) const
    {
        return base + (item * blockDim.x + threadIdx.x) * N;
    }

    // Online: what was summed up before is scaled down where a larger logit comes.
    __device__ __forceinline__ void add_up()
    {
        Normalizer grown = sum;
#pragma unroll
        for (int item = 0; item < Items; ++item) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                grown.largest = Max::apply(grown.largest, held[item].at[i]);
            }
        }
        grown.total *= expf(sum.largest - grown.origin());
#pragma unroll
        for (int item = 0; item < Items; ++item) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                grown.total += expf(held[item].at[i] - grown.origin());
            }
        }
        sum = grown;
    }

    // This thread's best below `bound`: of the tokens that it holds, and of what it selected before.
    __device__ __forceinline__ Candidate below(Candidate bound, int base, int last) const
    {
        Candidate found = best < bound ? best : no_candidate;
#pragma unroll
        for (int item = 0; item < Items; ++item) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                const int index = token(base, item) + i;
                const Candidate one = candidate(held[item].at[i], index);
                if (index < last && one < bound && one > found) {
                    found = one;
                }
            }
        }
        return found;
    }

    __device__ __forceinline__ void select(int base, int last, int count, Candidate (*partials)[max_warps], int& turn)
    {
        Candidate own = below(~no_candidate, base, last);
        Candidate selected = no_candidate;
        for (int rank = 0; rank < count; ++rank) {
            const Candidate winner = block_best(own, partials[turn]);
            turn ^= 1;
            if (own == winner) {
                own = below(winner, base, last);
            }
            if (threadIdx.x == rank) {
                selected = winner;
            }
        }
        best = selected;
    }
};
