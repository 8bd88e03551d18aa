/* What every access does first: check it where the launch is checked, count it where the block is counted. */
int vgpu_enter(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site, uint32_t write);

/* Only the check. */
int vgpu_check_access(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site, uint32_t write);

/* Entries of the helper table that have a file of their own. Each returns 0, or -1 after a fault. */

/* wmma.load, wmma.store. `shape`: units a lane, bytes of a unit, bytes of a register, 1 for a store; a byte each. */
int32_t vgpu_matrix(vgpu_warp *warp, uint64_t address, uint64_t stride, const uint8_t *table, uint8_t *data,
                    uint32_t shape, uint32_t site);

/* cp.async: sources in `addresses`, 64-bit destinations in `operand_b`, bytes to read in `operand_a`, 32 bits each. */
int32_t vgpu_copy_async(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t from, uint32_t to);

/* mbarrier.*: objects at `addresses`, a 64-bit operand of each lane in `operand_a`, another in `operand_b`; results in
   `scratch`, 64 bits each. */
int32_t vgpu_mbarrier(vgpu_warp *warp, uint32_t mask, uint32_t operation, uint32_t site);

/* atom and red of packed, vector and 16- and 128-bit types; operands and results as of the atomic helper.
   `operation`: the operation, the type of an element, elements; a byte each. */
int32_t vgpu_packed_atomic(vgpu_warp *warp, uint32_t mask, uint32_t operation, uint32_t bytes, uint32_t site);

/* Arithmetic in a directed rounding mode: see directed.c. */
int32_t vgpu_directed(vgpu_warp *warp, uint32_t code);
