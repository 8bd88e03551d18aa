/* Counting, for blocks that are counted: requests as they happen, warps when they have ended. */

/* An access of the lanes in `mask`, whose addresses are in the warp: the request of one site. `whole`: they are known
   to be all lanes, one behind the other; it changes no figure. */
void vgpu_count_request(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site, uint32_t whole);

/* Passes over the banks that a request to shared memory takes, and how many it would take without conflicts. */
typedef struct {
  uint32_t taken, ideal;
} vgpu_wavefronts;

vgpu_wavefronts vgpu_wavefronts_of(const uint64_t *addresses, uint64_t base, uint32_t mask, uint32_t bytes,
                                   uint32_t access);

/* An L1 that keeps the sectors which one block has read, whatever their number. */
vgpu_l1 *vgpu_l1_make(void);
void vgpu_l1_clear(vgpu_l1 *l1);

/* The sectors of a 128-byte line, a bit each, that were not read (1) or written (2) by the block before. */
uint32_t vgpu_l1_touch(vgpu_l1 *l1, uint64_t line, uint32_t sectors, uint32_t what);

/* A warp of a counted block has ended: add what it did to the worker's counts, and clear the warp's. */
void vgpu_count_warp(vgpu_warp *warp, vgpu_node_count *nodes, vgpu_path *longest);

/* Add a worker's counts to the launch's. */
void vgpu_count_worker(vgpu_launch *launch, const vgpu_node_count *nodes, const vgpu_site_count *sites,
                       const vgpu_path *longest);
