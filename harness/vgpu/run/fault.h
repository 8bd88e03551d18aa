/* Kinds of vgpu_fault, and how the access helpers report one. */

enum { FAULT_NONE, FAULT_BOUNDS, FAULT_MISALIGNED, FAULT_BARRIER, FAULT_TRAP, FAULT_ASSERTION, FAULT_STACK,
       FAULT_MEMBER };

/* Keeps `fault` as the launch's, unless an earlier block has one; `lane` is the thread that did it. */
void vgpu_record_fault(vgpu_warp *warp, vgpu_fault fault, uint32_t lane);
