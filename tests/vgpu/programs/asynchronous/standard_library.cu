// cuda::std on the device: array, tuple, optional, variant, span, algorithms, complex, chrono, mdspan, bit, numeric.
#include <cuda/std/array>
#include <cuda/std/bit>
#include <cuda/std/complex>
#include <cuda/std/mdspan>
#include <cuda/std/numeric>
#include <cuda/std/optional>
#include <cuda/std/span>
#include <cuda/std/tuple>
#include <cuda/std/utility>
#include <cuda/std/variant>

namespace std_ = cuda::std;

__device__ std_::optional<int> half_of(int value) {
    if (value % 2) return std_::nullopt;
    return value / 2;
}

__device__ std_::tuple<int, float, short> split(int value) { return {value / 3, value * 0.5f, static_cast<short>(-value)}; }

extern "C" __global__ void values(float *out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float *row = out + 8 * i;
    auto [third, half, negative] = split(i);
    row[0] = third + half + negative;
    row[1] = half_of(i).value_or(-1);
    std_::array<int, 5> powers{};
    for (int k = 0; k < 5; k++) powers[k] = k * i;
    row[2] = std_::accumulate(powers.begin(), powers.end(), 10);
    std_::variant<int, float, std_::array<short, 2>> choice;
    if (i % 3 == 0) choice = i;
    else if (i % 3 == 1) choice = i * 0.25f;
    else choice = std_::array<short, 2>{static_cast<short>(i), 7};
    row[3] = choice.index() == 0   ? std_::get<int>(choice) * 10
             : choice.index() == 1 ? std_::get<float>(choice)
                                   : std_::get<2>(choice)[0] + std_::get<2>(choice)[1];
    std_::complex<float> z(i * 0.1f, 1.0f), w = z * z + std_::complex<float>(0.5f, -0.25f) / z;
    row[4] = w.real();
    row[5] = w.imag();
    row[6] = std_::popcount(static_cast<unsigned>(i)) + 100 * std_::countl_zero(static_cast<unsigned>(i | 1));
    row[7] = std_::gcd(i, 36);
}

extern "C" __global__ void views(int *data, int rows, int cols) {
    std_::mdspan<int, std_::extents<int, std_::dynamic_extent, std_::dynamic_extent>> matrix(data, rows, cols);
    for (int r = threadIdx.y; r < matrix.extent(0); r += blockDim.y)
        for (int c = threadIdx.x; c < matrix.extent(1); c += blockDim.x) matrix(r, c) = r * 1000 + c;
    __syncthreads();
    if (threadIdx.y == 0) {
        std_::span<int> first(data, cols);
        for (int c = threadIdx.x; c < first.size(); c += blockDim.x) first[c] += static_cast<int>(first.subspan(1).size());
    }
}
