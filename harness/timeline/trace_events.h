/* Columns of the events of a Chrome trace, read in one pass over its text; the declarations that C and Python share.

   In: categories, argument keys and tables (what to keep), then the file's text block by block. Out: int64 columns.
   A decimal number becomes an integer without a detour over a double: times keep all their digits. */

typedef struct trace_reader trace_reader;

typedef struct {
    int64_t events;        /* complete events read, of any category */
    int64_t known;         /* of them: of categories that are known and not kept */
    int64_t bad;           /* events of a kept category whose times are missing or no numbers: not kept */
    int64_t stage;         /* 0 before the document, 1 in its object, 2 among events, 3 behind its end */
    int64_t found;         /* there was a list of events */
    int64_t names;         /* distinct names */
    int64_t name_bytes;    /* their text together */
    int64_t other_bytes;   /* text of the document's other members, as "key":value lines */
    const char *message;   /* what is wrong, where trace_feed returned -1 */
    int64_t at;            /* and where, from the start of the block */
} trace_state;

/* Slots of an event: name, ts, dur, pid, tid, code of its category; then those of the arguments. */
enum { TRACE_FIXED = 6 };

trace_reader *trace_open(void);
void trace_close(trace_reader *reader);
/* Events of this category go to `table` with `code`; a table below 0: known, but not kept. Returns 0, or -1 if full. */
int trace_category(trace_reader *reader, const char *name, int table, int64_t code);
/* The argument `key` (or the first `count` numbers of its list) goes to slots from `slot` on. */
int trace_argument(trace_reader *reader, const char *key, int slot, int count);
/* `table` keeps these slots of its events. */
int trace_table(trace_reader *reader, int table, const int32_t *slots, int count);
/* Reads whole events; returns how many bytes are done with, the rest comes again with more behind it; -1: damaged. */
int64_t trace_feed(trace_reader *reader, const char *text, int64_t length);
const trace_state *trace_look(const trace_reader *reader);
int64_t trace_rows(const trace_reader *reader, int table);
const int64_t *trace_column(const trace_reader *reader, int table, int column);
/* Texts of the names, one behind the other, escapes as in the file; `ends` has where each ends. */
const char *trace_names(const trace_reader *reader);
const int64_t *trace_name_ends(const trace_reader *reader);
const char *trace_other(const trace_reader *reader);
