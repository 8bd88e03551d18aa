// CUB's own device-wide kernels, unmodified, instantiated as the library's host code does and launched by hand.
#include <cub/device/device_scan.cuh>

// The library's decoupled look-back in one pass, through its agent.
using Tile = cub::ScanTileState<int>;

struct Policy {
    using Scan = cub::AgentScanPolicy<128, 4, int, cub::BLOCK_LOAD_WARP_TRANSPOSE, cub::LOAD_DEFAULT,
                                      cub::BLOCK_STORE_WARP_TRANSPOSE, cub::BLOCK_SCAN_WARP_SCANS>;
};

using Agent = cub::detail::scan::AgentScan<Policy::Scan, const int *, int *, ::cuda::std::plus<>, int, int, int>;

extern "C" __global__ void prepare(void *memory, int tiles) {
    Tile state;
    size_t bytes = tiles * 64 + 4096;
    void *parts[1] = {memory};
    (void)parts;
    state.Init(tiles, memory, bytes);
    state.InitializeStatus(tiles);
}

extern "C" __global__ void exclusive_sum(int *out, const int *in, void *memory, int tiles, int n) {
    __shared__ Agent::TempStorage storage;
    Tile state;
    state.Init(tiles, memory, tiles * 64 + 4096);
    Agent(storage, in, out, ::cuda::std::plus<>{}, 1000).ConsumeRange(n, state, 0);
}
