// The state of a beam search after its next tokens are chosen.
//
// Every array is read in one buffer and written in another: the parents of a batch's beams may be any of them, in any
// order, so that a beam that were written in place could be read afterwards by another one's child.
#pragma once

#include "../cuda/reduce.cuh"

struct BeamState {
    const bool* finished;   // [batch * beams]
    const int* lengths;     // tokens of each hypothesis, its end included
    const int* ancestors;   // [batch * beams, steps]: which beam of its batch holds the keys and values of each step
};

struct NextState {
    long long* tokens;      // [batch * beams]
    long long* parents;
    bool* finished;
    int* lengths;
    int* ancestors;
};

// By a block of whole warps with a thread a beam at least; `first` is the batch's first beam. Thread b < beams brings the
// parent and the token of beam b; `step` is the number of steps before this one, `steps` the length of a row of ancestors.
__device__ __forceinline__ void update_beams(const NextState& next, const BeamState& before, long long first, int beams,
                                             int parent, int token, int end, int step, int steps, int* parents)
{
    if (threadIdx.x < beams) {
        const long long from = first + parent;
        const long long to = first + threadIdx.x;
        const bool was_finished = before.finished[from];
        next.tokens[to] = token;
        next.parents[to] = parent;
        next.finished[to] = was_finished || token == end;
        next.lengths[to] = before.lengths[from] + !was_finished;
        parents[threadIdx.x] = parent;
    }
    __syncthreads();
    // Of a beam's ancestors: those of its parent, and at this step the parent itself.
    for (int at = threadIdx.x; at < beams * (step + 1); at += blockDim.x) {
        const int beam = at / (step + 1);
        const int when = at % (step + 1);
        const int from = parents[beam];
        next.ancestors[(first + beam) * steps + when] =
            when < step ? before.ancestors[(first + from) * steps + when] : from;
    }
}
