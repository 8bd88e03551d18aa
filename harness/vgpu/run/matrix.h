/* `shape`: units a lane, bytes of a unit, bytes of a register, 1 for a store; one byte each from the lowest. */
int32_t vgpu_matrix(vgpu_warp *warp, uint64_t address, uint64_t stride, const uint8_t *table, uint8_t *data,
                    uint32_t shape, uint32_t site);
