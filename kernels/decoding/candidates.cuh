// Candidates of a selection, each one 64-bit number: the larger of two is the better one, and no two are equal.
//
// The upper half is the value, in the order of the floating numbers with NaN above all (as torch.topk has it); the lower
// half is the index, turned round, so that of equal values the lower index wins. 0 is no candidate.
#pragma once

#include "../cuda/reduce.cuh"

using Candidate = unsigned long long;
constexpr Candidate no_candidate = 0;

// A number's place in the order: -0 is 0, a NaN is the largest.
__device__ __forceinline__ unsigned ordered(float value)
{
    const unsigned bits = __float_as_uint(value + 0.0f);
    if (isnan(value)) {
        return 0xffffffffu;
    }
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

__device__ __forceinline__ Candidate candidate(float value, unsigned index)
{
    return static_cast<Candidate>(ordered(value)) << 32 | ~index;
}

__device__ __forceinline__ unsigned index_of(Candidate one) { return ~static_cast<unsigned>(one); }

__device__ __forceinline__ float value_of(Candidate one)
{
    const unsigned place = static_cast<unsigned>(one >> 32);
    return __uint_as_float(place >> 31 ? place & 0x7fffffffu : ~place);
}

// The best of 32 lanes, known to all of them.
__device__ __forceinline__ Candidate warp_best(Candidate one)
{
#pragma unroll
    for (int distance = warp_size / 2; distance > 0; distance /= 2) {
        one = max(one, __shfl_xor_sync(all_lanes, one, distance));
    }
    return one;
}

// The best of a block of whole warps, known to every thread. Two calls in a row need different `partials`: a slow warp may
// still read those of the first while a fast one writes those of the second.
__device__ __forceinline__ Candidate block_best(Candidate one, Candidate* partials)
{
    const int lane = threadIdx.x % warp_size;
    one = warp_best(one);
    if (lane == 0) {
        partials[threadIdx.x / warp_size] = one;
    }
    __syncthreads();
    return warp_best(lane < blockDim.x / warp_size ? partials[lane] : no_candidate);
}

// Each lane holds a list whose best is `head`, best first; `next(n)` is the list's n-th candidate, from 0 on. Lane r gets
// the r-th best of all lists, for r < count; the others get no candidate.
template <typename Next>
__device__ __forceinline__ Candidate merge_lists(Candidate head, int count, Next next)
{
    Candidate mine = no_candidate;
    int taken = 0;
    for (int rank = 0; rank < count; ++rank) {
        const Candidate best = warp_best(head);
        if (head == best && best != no_candidate) {
            ++taken;
            head = taken < count ? next(taken) : no_candidate;
        }
        if (threadIdx.x % warp_size == rank) {
            mine = best;
        }
    }
    return mine;
}
