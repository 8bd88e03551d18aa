/* What compiled kernels and the block scheduler share. Read by the C compiler and, as it stands, by cffi:
   no preprocessor lines, so that there is one definition of every layout. */

typedef struct vgpu_warp vgpu_warp;

/* Where a memory instruction stands; one entry per ld/st/atom of a kernel. */
typedef struct {
  uint32_t space;     /* 0 generic, 1 global, 2 shared, 3 local, 4 const, 5 param */
  uint32_t line;      /* line in the PTX text, for reports */
  uint32_t access;    /* 1 load, 2 store, 3 atomic; 0 is not counted */
  uint32_t around_l1; /* 1: it goes to L2 whatever L1 holds */
} vgpu_site;

/* Addresses that an instruction may touch without a further check. */
typedef struct {
  uint64_t start, end;
} vgpu_range;

/* The first illegal thing that a launch did: the one of the lowest block. */
typedef struct {
  int32_t kind;       /* 0 none, 1 out of bounds, 2 misaligned, 3 barrier never completes, 4 trap, 5 assertion,
                         6 stack overflow, 7 a lane that its member mask does not name */
  uint32_t write, bytes, line, space;
  uint64_t address, block;
  uint32_t ctaid[3], tid[3];
  char message[256];  /* what a failed assertion said */
} vgpu_fault;

/* What a warp does each time that it runs a basic block. */
typedef struct {
  uint32_t instructions, barriers, load_rounds;
} vgpu_node;

/* How often a warp ran a basic block, with how many lanes in all, and how often they parted at its end. */
typedef struct {
  uint64_t times, lanes, parted;
} vgpu_node_count;

/* What the requests of one site touched; a generic one may touch every kind of memory. */
typedef struct {
  uint64_t requests, sectors, ideal_sectors, missed_sectors; /* global; missed: L2 had to serve them */
  uint64_t shared_requests, wavefronts, ideal_wavefronts;
  uint64_t local_requests, local_sectors;
} vgpu_site_count;

/* What one warp did. */
typedef struct {
  uint64_t instructions, load_requests, load_rounds, shared_requests, barriers, block;
  uint32_t warp;
} vgpu_path;

typedef struct vgpu_l1 vgpu_l1;

/* One kernel launch. Constant while it runs, but for `next_block`, what is counted, `failed` and `fault`. */
typedef struct {
  int32_t (*warp)(vgpu_warp *);   /* runs a warp to its end (0), a barrier (1), a pause (2) or a fault (-1) */
  int32_t (*counting_warp)(vgpu_warp *); /* the same, and counts */
  uint32_t grid[3], block[3];
  uint32_t warps, reverse, checked, counted, spins, resident; /* resident: blocks that a worker runs in turn */
  uint32_t shared_bytes, dynamic_shared_bytes, local_bytes, frame_bytes, sites, nodes;
  uint64_t blocks;
  uint64_t sample;                /* counted: of how many blocks, spread evenly */
  uint64_t alone;                 /* counted: whether the other blocks are left out */
  uint64_t workspace;             /* of a cooperative launch: where grid.sync() keeps its barrier */
  const void *helpers;            /* vgpu_helpers */
  const uint8_t *parameters;
  const uint64_t *symbols;        /* addresses of module variables, by index */
  const vgpu_site *site;
  const vgpu_range *allocations;  /* sorted, disjoint */
  uint64_t allocation_count;
  uint32_t **footprint;           /* counted: per allocation, a word for each line of 128 bytes, a byte of it for each
                                     sector: bit 0 read, bit 1 written, bits 2 and 3 the same by a second block */
  const vgpu_node *node;
  vgpu_node_count *node_counts;
  vgpu_site_count *site_counts;
  vgpu_path longest;              /* the warp with most instructions; of several, the first of the lowest block */
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
  uint32_t counted;               /* whether this block is */
  vgpu_node_count *node_counts;   /* of this warp */
  vgpu_site_count *site_counts;   /* of the worker */
  vgpu_l1 *l1;                    /* of the block */
  vgpu_path path;
  uint64_t block;
  uint64_t clock_reads;           /* how often the warp has read a clock */
  uint8_t padding[24];            /* to a multiple of 64: vectors are loaded aligned */
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
  /* of code that counts; `whole`: all lanes, one behind the other */
  int32_t (*counted_load)(vgpu_warp *, uint32_t mask, uint32_t bytes, uint32_t site, uint32_t whole);
  int32_t (*counted_store)(vgpu_warp *, uint32_t mask, uint32_t bytes, uint32_t site, uint32_t whole);
} vgpu_helpers;

const vgpu_helpers *vgpu_helper_table(void);
void vgpu_heap(uint8_t *start, uint64_t size);
void vgpu_run(vgpu_launch *launch, uint32_t workers);
void vgpu_count_states(const uint32_t *footprint, uint64_t lines, uint64_t *states); /* adds to states[16] */
