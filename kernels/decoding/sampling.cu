// A token a row, drawn from softmax((logits + bias) / temperature) cut down to its most likely tokens.
//
// The cut is a logit, `lowest`: tokens below it are out, so that equal ones stay or leave together. TopK keeps a token if
// fewer than `keep` are more likely, TopP if those more likely have less than the share `keep` of the whole. The token drawn
// is the first at which the kept shares, added up in the order of the vocabulary, exceed `uniform` of their sum.
//
// Shares are whole numbers, exp(x - largest) * 2^40: their sums are exact, so that no order of adding changes a choice. A
// block a row, which reads it seven times, from DRAM once; the cut is found digit by digit, in shared memory.
//
// A row with a NaN, with +inf, or of -inf alone has no shares: token 0, with a score of NaN. A finished row draws nothing:
// its token is the end, its score stays.
#include "../cuda/vector.cuh"
#include "candidates.cuh"

using Weight = unsigned long long;

constexpr int digits = 3;
constexpr int digit_bits = 11; // the first one has 10
constexpr int digit_values = 1 << digit_bits;
constexpr float one_share = 0x1p40f; // 2^23 tokens add up to less than 2^63

// The number added up by the threads of a block before this one, and by all of them. `partials` are free after a barrier.
struct Sums {
    Weight before;
    Weight all;
};

__device__ __forceinline__ Sums block_sums(Weight own, Weight* partials)
{
    const int lane = threadIdx.x % warp_size;
    const int warp = threadIdx.x / warp_size;
    Weight up_to = own;
#pragma unroll
    for (int distance = 1; distance < warp_size; distance *= 2) {
        const Weight lower = __shfl_up_sync(all_lanes, up_to, distance);
        up_to += lane >= distance ? lower : 0;
    }
    if (lane == warp_size - 1) {
        partials[warp] = up_to;
    }
    __syncthreads();
    Sums sums = {up_to - own, 0};
    for (int other = 0; other < blockDim.x / warp_size; ++other) {
        sums.before += other < warp ? partials[other] : 0;
        sums.all += partials[other];
    }
    __syncthreads();
    return sums;
}

// One row, N tokens at a time.
template <typename T, int N>
struct SampledRow {
    const T* logits;
    const T* bias;
    int vocabulary;
    float temperature;
    float largest;

    template <typename Use>
    __device__ __forceinline__ void each(Use use) const
    {
        for (int token = threadIdx.x * N; token < vocabulary; token += blockDim.x * N) {
            const Vector<float, N> value = at(token);
#pragma unroll
            for (int i = 0; i < N; ++i) {
                use(value.at[i]);
            }
        }
    }

    __device__ __forceinline__ Vector<float, N> at(int token) const
    {
        Vector<float, N> value = load_float<N>(logits + token);
        const Vector<float, N> shift = load_float<N>(bias + token);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            value.at[i] += shift.at[i];
        }
        return value;
    }

    // 0 where there is no number.
    __device__ __forceinline__ Weight share(float x) const
    {
        return __float2ull_rn(fmaxf(expf((x - largest) / temperature) * one_share, 0.0f));
    }
};

// The largest number, by its place in the order, at which tokens from there up weigh `wanted` or more; all of them do.
// From the highest digit down: `bins` hold the weight of each value of a digit, of tokens whose higher digits are those
// found so far. `weigh(x)` is a token's weight; tokens above the digits found weigh `above`.
template <typename Row, typename Weigh>
__device__ __forceinline__ unsigned find_cut(
    const Row& row, Weight wanted, Weigh weigh, Weight* bins, Weight* partials, int* found)
{
    unsigned prefix = 0;
    Weight above = 0;
    for (int shift = digit_bits * (digits - 1); shift >= 0; shift -= digit_bits) {
        for (int bin = threadIdx.x; bin < digit_values; bin += blockDim.x) {
            bins[bin] = 0;
        }
        __syncthreads();
        row.each([&](float x) {
            const unsigned place = ordered(x);
            if (static_cast<Weight>(place ^ prefix) >> (shift + digit_bits) == 0) {
                atomicAdd(&bins[(place >> shift) % digit_values], weigh(x));
            }
        });
        __syncthreads();
        // Thread t has the t-th highest bins, as many as all threads have: their sums are added up from above.
        const int each = digit_values / blockDim.x;
        Weight own = 0;
        for (int i = 0; i < each; ++i) {
            own += bins[digit_values - 1 - (threadIdx.x * each + i)];
        }
        Weight sum = above + block_sums(own, partials).before;
        for (int i = 0; i < each; ++i) {
            const int bin = digit_values - 1 - (threadIdx.x * each + i);
            if (sum < wanted && sum + bins[bin] >= wanted) {
                *found = bin;
                partials[0] = sum;
            }
            sum += bins[bin];
        }
        __syncthreads();
        prefix |= *found << shift;
        above = partials[0];
        __syncthreads();
    }
    return prefix;
}

// The best logit of a row, NaN where there is one.
template <typename Row>
__device__ __forceinline__ float largest_of(const Row& row, Candidate* partials)
{
    Candidate best = no_candidate;
    row.each([&](float x) { best = max(best, candidate(x, 0)); });
    return value_of(block_best(best, partials));
}

// What the shares of the tokens add up to that `kept` says yes to.
template <typename Row, typename Kept>
__device__ __forceinline__ Weight sum_shares(const Row& row, Weight* partials, Kept kept)
{
    Weight own = 0;
    row.each([&](float x) { own += kept(x) ? row.share(x) : 0; });
    return block_sums(own, partials).all;
}

// Which token: the first at which the shares from `cut` up exceed `target`. `drawn(token, x)` is called by the thread that
// has it.
template <int N, typename Row, typename Drawn>
__device__ __forceinline__ void locate(const Row& row, unsigned cut, Weight target, Weight* partials, Drawn drawn)
{
    Weight before = 0;
    for (int base = 0; base < row.vocabulary; base += blockDim.x * N) {
        const int token = base + threadIdx.x * N;
        Vector<float, N> value;
        Weight shares[N] = {};
        Weight own = 0;
        if (token < row.vocabulary) {
            value = row.at(token);
#pragma unroll
            for (int i = 0; i < N; ++i) {
                shares[i] = ordered(value.at[i]) >= cut ? row.share(value.at[i]) : 0;
                own += shares[i];
            }
        }
        const Sums sums = block_sums(own, partials);
        Weight sum = before + sums.before;
#pragma unroll
        for (int i = 0; i < N; ++i) {
            if (sum <= target && target < sum + shares[i]) {
                drawn(token + i, value.at[i]);
            }
            sum += shares[i];
        }
        before += sums.all;
        if (before > target) {
            return;
        }
    }
}

// How many tokens a row keeps: `keep` of them.
struct TopK {
    template <typename Row>
    static __device__ __forceinline__ unsigned cut(
        const Row& row, double keep, Weight, Weight* bins, Weight* partials, int* found)
    {
        const Weight wanted = min(static_cast<Weight>(keep), static_cast<Weight>(row.vocabulary));
        return find_cut(row, wanted, [](float) { return Weight{1}; }, bins, partials, found);
    }
};

// The share `keep` of the `whole`.
struct TopP {
    template <typename Row>
    static __device__ __forceinline__ unsigned cut(
        const Row& row, double keep, Weight whole, Weight* bins, Weight* partials, int* found)
    {
        const Weight wanted = static_cast<Weight>(ceil(keep * static_cast<double>(whole)));
        return find_cut(row, min(max(wanted, Weight{1}), whole), [&](float x) { return row.share(x); }, bins, partials, found);
    }
};

// Grid (rows). Every array of the state is read in one buffer and written in another.
template <typename T, int N, typename Cut>
__global__ void __launch_bounds__(256)
    sample(const T* __restrict__ logits, const T* __restrict__ bias, long long* __restrict__ tokens,
           float* __restrict__ scores, bool* __restrict__ next_finished, int* __restrict__ next_lengths,
           const float* __restrict__ uniforms, const float* __restrict__ cumulative, const bool* __restrict__ finished,
           const int* __restrict__ lengths, int vocabulary, int end, double keep, float temperature)
{
    __shared__ Weight bins[digit_values];
    __shared__ Weight partials[max_warps];
    __shared__ Candidate best[max_warps];
    __shared__ int found;
    const long long row = blockIdx.x;
    const auto draw = [&](int token, float score, bool is_finished) {
        tokens[row] = token;
        scores[row] = score;
        next_finished[row] = is_finished;
        next_lengths[row] = lengths[row] + !finished[row];
    };
    if (finished[row]) {
        if (threadIdx.x == 0) {
            draw(end, cumulative[row], true);
        }
        return;
    }
    SampledRow<T, N> sampled = {logits + row * vocabulary, bias, vocabulary, temperature, 0.0f};
    sampled.largest = largest_of(sampled, best);
    const Weight whole = sum_shares(sampled, partials, [](float) { return true; });
    if (whole == 0) {
        if (threadIdx.x == 0) {
            draw(0, nanf(""), end == 0);
        }
        return;
    }
    const unsigned cut = Cut::cut(sampled, keep, whole, bins, partials, &found);
    const Weight kept = sum_shares(sampled, partials, [&](float x) { return ordered(x) >= cut; });
    const Weight target = static_cast<Weight>(static_cast<double>(uniforms[row]) * static_cast<double>(kept));
    locate<N>(sampled, cut, min(target, kept - 1), partials, [&](int token, float x) {
        const float log_share = (x - sampled.largest) / temperature - logf(static_cast<float>(whole) / one_share);
        draw(token, cumulative[row] + log_share, token == end);
    });
}
