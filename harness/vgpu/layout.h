/* What compiled kernels and the block scheduler share. Read by the C compiler and, as it stands, by cffi:
   no preprocessor lines, so that there is one definition of every layout. */

typedef struct vgpu_warp vgpu_warp;

/* Where a memory instruction stands; one entry per ld/st/atom of a kernel. */
typedef struct {
  uint32_t space;     /* 0 generic, 1 global, 2 shared, 3 local, 4 const, 5 param */
  uint32_t line;      /* line in the PTX text, for reports */
} vgpu_site;

/* Addresses that an instruction may touch without a further check. */
typedef struct {
  uint64_t start, end;
} vgpu_range;

/* The first illegal thing that a launch did: the one of the lowest block. */
typedef struct {
  int32_t kind;       /* 0 none, 1 out of bounds, 2 misaligned, 3 barrier never completes, 4 trap, 5 assertion,
                         6 stack overflow */
  uint32_t write, bytes, line, space;
  uint64_t address, block;
  uint32_t ctaid[3], tid[3];
  char message[256];  /* what a failed assertion said */
} vgpu_fault;

/* Memory traffic, counted by the access helpers when `counted` is set. */
typedef struct {
  uint64_t load_requests, store_requests, sectors_read, sectors_written, atomics;
} vgpu_traffic;

/* One kernel launch. Constant while it runs, but for `next_block`, `failed` and `fault`. */
typedef struct {
  int32_t (*warp)(vgpu_warp *);   /* runs a warp to its end (0), a barrier (1), a pause (2) or a fault (-1) */
  uint32_t grid[3], block[3];
  uint32_t warps, reverse, checked, counted, spins, resident; /* resident: blocks that a worker runs in turn */
  uint32_t shared_bytes, dynamic_shared_bytes, local_bytes, frame_bytes, sites, counted_blocks;
  uint64_t blocks;
  uint64_t workspace;             /* of a cooperative launch: where grid.sync() keeps its barrier */
  const void *helpers;            /* vgpu_helpers */
  const uint8_t *parameters;
  const uint64_t *symbols;        /* addresses of module variables, by index */
  const vgpu_site *site;
  const vgpu_range *allocations;  /* sorted, disjoint */
  uint64_t allocation_count;
  uint8_t **footprint;            /* counted: per allocation, one byte a sector: bit 0 read, bit 1 written */
  uint64_t *executed;             /* counted_blocks: how often a warp ran each basic block */
  vgpu_traffic traffic;
  uint64_t next_block;
  int32_t failed;
  vgpu_fault fault;
} vgpu_launch;

/* One warp. Vectors are 32 lanes wide; compiled code loads and stores them whole. */
struct vgpu_warp {
  uint32_t tid_x[32], tid_y[32], tid_z[32];
  uint32_t pc[32];                /* of lanes that wait for their turn; 0xffffffff once a lane has exited */
  uint32_t frame_at[32];          /* where in local memory each lane's current function has its variables */
  uint32_t first_pc[32];          /* what pc is at the start of a block */
  uint8_t scratch[32 * 32];       /* operands of the access helpers */
  uint64_t addresses[32];
  uint8_t operand_a[32 * 16], operand_b[32 * 16];
  uint32_t ctaid[3];
  uint32_t whole;                 /* lanes that have a thread */
  uint32_t live, waiting, parked, state, index;
  uint32_t paused_at;             /* the node at which lanes last had to give others their turn; at first none */
  uint32_t announced, announced_threads; /* the barrier that lanes have come to; all of them: `barrier` */
  int32_t barrier;                /* id while the warp stands at a barrier */
  uint32_t barrier_threads;       /* 0: all threads of the block */
  uint32_t votes;                 /* of lanes that came to a bar.red */
  uint32_t barrier_count, barrier_all, barrier_any; /* its result, once all were there */
  uint32_t *arrivals;             /* of the block: lanes that came to each barrier by bar.arrive */
  uint32_t done;
  vgpu_launch *launch;
  uint8_t *shared, *local, *frame;
  vgpu_range *range;              /* per site */
  uint64_t *executed;
  vgpu_traffic *traffic;
  uint64_t block;
  uint64_t clock_reads;           /* how often the warp has read a clock */
  uint8_t padding[32];            /* to a multiple of 64: vectors are loaded aligned */
};

/* Called by compiled code, through a table so that object code holds no addresses. */
typedef struct {
  int32_t (*load)(vgpu_warp *, uint32_t mask, uint32_t bytes, uint32_t site);
  int32_t (*store)(vgpu_warp *, uint32_t mask, uint32_t bytes, uint32_t site);
  int32_t (*atomic)(vgpu_warp *, uint32_t mask, uint32_t operation, uint32_t bytes, uint32_t site);
  int32_t (*trap)(vgpu_warp *, uint32_t mask, uint32_t kind, uint32_t line);
  int32_t (*copy)(vgpu_warp *, uint32_t mask, uint32_t to, uint32_t from, uint32_t bytes);
  int32_t (*runtime)(vgpu_warp *, uint32_t mask, uint32_t function, uint32_t line);
  int32_t (*matrix)(vgpu_warp *, uint64_t address, uint64_t stride, const uint8_t *table, uint8_t *data,
                    uint32_t shape, uint32_t site);
  int32_t (*copy_async)(vgpu_warp *, uint32_t mask, uint32_t bytes, uint32_t from, uint32_t to);
  int32_t (*mbarrier)(vgpu_warp *, uint32_t mask, uint32_t operation, uint32_t site);
  int32_t (*packed_atomic)(vgpu_warp *, uint32_t mask, uint32_t operation, uint32_t bytes, uint32_t site);
  int32_t (*directed)(vgpu_warp *, uint32_t code);
} vgpu_helpers;

const vgpu_helpers *vgpu_helper_table(void);
void vgpu_heap(uint8_t *start, uint64_t size);
void vgpu_run(vgpu_launch *launch, uint32_t workers);
