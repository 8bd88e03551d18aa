/* What the recorder hands to Python. Read by the C compiler and by cffi: no preprocessor, no expressions. */

struct event {
  int64_t time;      /* ns: CLOCK_REALTIME, or what the given clock shows */
  uint64_t id;       /* of a start/end range */
  uint64_t payload;  /* the bits; of an extended payload its bytes */
  int32_t message;   /* index of its text; -1: none */
  uint32_t domain;   /* 0: the default one */
  uint32_t category; /* 0: none */
  uint32_t color;    /* ARGB */
  int32_t payload_type;
  uint32_t thread;   /* index of its thread; while recorded: bytes of the text that follows */
  uint8_t kind;
  uint8_t has_color;
  uint8_t cut;       /* the message was longer than what is kept */
  uint8_t reserved[5];
};

struct thread_row {
  int64_t native;   /* as the operating system numbers threads */
  uint64_t pthread; /* pthread_self(), which CUPTI numbers threads by */
  uint64_t dropped; /* events that found no room */
};

struct name_row {
  uint32_t kind; /* 0: of a domain, 1: of a category, 2: of a thread */
  uint32_t domain;
  uint32_t id;
  int32_t text;
};

struct snapshot {
  struct event *events;
  uint64_t event_count;
  struct thread_row *threads;
  uint64_t thread_count;
  struct name_row *names;
  uint64_t name_count;
  char *text;      /* all texts, one behind the other, UTF-8 */
  uint64_t *ends;  /* where each ends */
  uint64_t text_count;
  uint64_t lost;   /* strings, names and whole threads that found no room */
};
