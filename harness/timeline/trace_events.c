/* Reader of a Chrome trace's events; see trace_events.h. Every read is checked against the end of the block. */

#include "trace_events.h"

#include <stdlib.h>
#include <string.h>

enum { CATEGORIES = 64, ARGUMENTS = 32, TABLES = 8, COLUMNS = 32, SLOTS = 48, DEPTH = 128 };
enum { NAME, TS, DUR, PID, TID, CODE };
static const int64_t UNKNOWN = -1, LARGEST = (int64_t)1 << 62; /* twice as much still fits */
static const int64_t OTHER_LIMIT = 1 << 22; /* one member of the document that is worth keeping */

typedef struct {
    const char *start;
    int64_t length;
} text;

typedef struct {
    int columns, slots[COLUMNS];
    int64_t rows, room, *data[COLUMNS];
} table;

struct trace_reader {
    trace_state state;
    int categories, arguments, failed_for_memory;
    struct { text name; int table; int64_t code; } category[CATEGORIES];
    struct { text key; int slot, count; } argument[ARGUMENTS];
    table tables[TABLES];
    char *names, *other;
    int64_t names_room, other_room, ends_room, hash_room, *name_ends, *hash;
};

/* Where the text is being read. `need` is set where the block ended too early, `message` where it is no JSON. */
typedef struct {
    const char *p, *end;
    int need;
    const char *message;
} cursor;

/* ---- JSON ---- */

static int bad(cursor *c, const char *message) {
    if (!c->need && !c->message) c->message = message;
    return 0;
}

static int more(cursor *c) {
    c->need = 1;
    return 0;
}

static int peek(cursor *c) {
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t' || *c->p == '\r')) c->p++;
    return c->p < c->end ? (unsigned char)*c->p : more(c);
}

/* Has a word of 8 bytes a quote or a backslash? The usual trick: a byte is zero where x - 1 borrows. */
static inline int has_special(uint64_t word) {
    const uint64_t ones = 0x0101010101010101ull, high = 0x8080808080808080ull;
    uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
    return (((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & high ? 1 : 0;
}

static int string(cursor *c, text *found) {
    const char *p = c->p + 1;
    for (;;) {
        uint64_t word;
        while (c->end - p >= 8 && (memcpy(&word, p, 8), !has_special(word))) p += 8;
        while (p < c->end && *p != '"' && *p != '\\') p++;
        if (p >= c->end) return more(c);
        if (*p == '"') break;
        if (c->end - p < 2) return more(c);
        p += 2;
    }
    found->start = c->p + 1;
    found->length = p - found->start;
    c->p = p + 1;
    return 1;
}

static int is_digit(char ch) { return ch >= '0' && ch <= '9'; }

static int is_word(char ch) {
    return is_digit(ch) || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '+' || ch == '-' || ch == '.';
}

/* A number or a literal: what lies between separators. */
static int word(cursor *c, text *found) {
    const char *p = c->p;
    while (p < c->end && is_word(*p)) p++;
    if (p >= c->end) return more(c);
    if (p == c->p) return bad(c, "a value is missing");
    found->start = c->p;
    found->length = p - c->p;
    c->p = p;
    return 1;
}

/* The decimal number in `t` times 10^scale, rounded toward zero; 0 where it is none or does not fit. */
static int decimal(text t, int scale, int64_t *result) {
    const char *p = t.start, *end = t.start + t.length;
    int negative = p < end && *p == '-', digits = 0, exponent = 0, sign = 1;
    __int128 value = 0;
    if (negative) p++;
    for (; p < end && is_digit(*p); p++, digits++)
        if ((value = value * 10 + (*p - '0')) > ((__int128)1 << 100)) return 0;
    if (p < end && *p == '.')
        for (p++; p < end && is_digit(*p); p++, digits++)
            if (digits < 28) value = value * 10 + (*p - '0'), scale--;
    if (!digits) return 0;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) sign = *p++ == '-' ? -1 : 1;
        if (p >= end) return 0;
        for (; p < end && is_digit(*p); p++)
            if ((exponent = exponent * 10 + (*p - '0')) > 1000) return 0;
    }
    if (p != end) return 0;
    for (scale += sign * exponent; scale > 0 && value; scale--)
        if ((value *= 10) > LARGEST) return 0;
    for (; scale < 0 && value; scale++) value /= 10;
    if (value > LARGEST) return 0;
    *result = negative ? -(int64_t)value : (int64_t)value;
    return 1;
}

/* Infinity and NaN are no JSON, but Kineto has written them for bandwidths of copies without duration. */
static int valid_word(text t) {
    static const char *const literals[] = {"true", "false", "null", "NaN", "nan", "inf", "Infinity", "-inf", "-nan",
                                           "-NaN", "-Infinity"};
    if (is_digit(*t.start) || (t.length > 1 && *t.start == '-' && is_digit(t.start[1]))) return 1;
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++)
        if (strlen(literals[i]) == (size_t)t.length && !memcmp(literals[i], t.start, t.length)) return 1;
    return 0;
}

static int skip(cursor *c, int depth);

/* After a member or element: 1 to go on, 2 at the closing bracket (also behind a trailing comma, as some writers do). */
static int separator(cursor *c, char closing) {
    int ch = peek(c);
    if (ch == ',') {
        c->p++;
        ch = peek(c);
        if (c->need) return 0;
        if (ch != closing) return 1;
    }
    if (c->need) return 0;
    if (ch != closing) return bad(c, closing == '}' ? "a comma or } is missing" : "a comma or ] is missing");
    c->p++;
    return 2;
}

static int key(cursor *c, text *found) {
    if (peek(c) != '"') return bad(c, "a key is missing");
    if (!string(c, found)) return 0;
    if (peek(c) != ':') return bad(c, "a colon is missing");
    c->p++;
    return 1;
}

static int opened(cursor *c, char closing) {
    c->p++;
    if (peek(c) == closing) {
        c->p++;
        return 2;
    }
    return c->need ? 0 : 1;
}

static int skip_members(cursor *c, char closing, int depth) {
    if (depth > DEPTH) return bad(c, "values are nested too deep");
    int go = opened(c, closing);
    while (go == 1) {
        text ignored;
        if (closing == '}' && !key(c, &ignored)) return 0;
        if (!skip(c, depth + 1)) return 0;
        go = separator(c, closing);
    }
    return go;
}

static int skip(cursor *c, int depth) {
    text t;
    int ch = peek(c);
    if (c->need) return 0;
    if (ch == '"') return string(c, &t);
    if (ch == '{') return skip_members(c, '}', depth);
    if (ch == '[') return skip_members(c, ']', depth);
    const char *start = c->p;
    if (!word(c, &t)) return 0;
    if (valid_word(t)) return 1;
    c->p = start;
    return bad(c, "a value is neither number, text, list nor object");
}

/* ---- growing memory ---- */

static int reserve(trace_reader *r, void **data, int64_t *room, int64_t wanted, size_t size) {
    if (wanted <= *room) return 1;
    int64_t larger = *room ? *room : 256;
    while (larger < wanted) larger += larger / 2;
    void *moved = realloc(*data, larger * size);
    if (!moved) {
        r->failed_for_memory = 1;
        return 0;
    }
    *data = moved;
    *room = larger;
    return 1;
}

static uint64_t hash_of(text t) {
    uint64_t h = 0x9E3779B97F4A7C15ull ^ (uint64_t)t.length;
    int64_t i = 0;
    for (uint64_t w; t.length - i >= 8; i += 8) {
        memcpy(&w, t.start + i, 8);
        h = (h ^ w) * 0xFF51AFD7ED558CCDull;
        h ^= h >> 32;
    }
    for (; i < t.length; i++) h = (h ^ (unsigned char)t.start[i]) * 0x100000001B3ull;
    return h ^ (h >> 29);
}

static text name_at(const trace_reader *r, int64_t id) {
    int64_t start = id ? r->name_ends[id - 1] : 0;
    return (text){r->names + start, r->name_ends[id] - start};
}

static int rehash(trace_reader *r) {
    int64_t room = r->hash_room ? r->hash_room * 2 : 1024;
    int64_t *larger = malloc(room * sizeof *larger);
    if (!larger) {
        r->failed_for_memory = 1;
        return 0;
    }
    memset(larger, 0xFF, room * sizeof *larger);
    for (int64_t id = 0; id < r->state.names; id++) {
        uint64_t at = hash_of(name_at(r, id)) & (room - 1);
        while (larger[at] >= 0) at = (at + 1) & (room - 1);
        larger[at] = id;
    }
    free(r->hash);
    r->hash = larger;
    r->hash_room = room;
    return 1;
}

/* The number of a name, a new one for a new name; -1 without memory. */
static int64_t intern(trace_reader *r, text t) {
    if (r->state.names * 2 >= r->hash_room && !rehash(r)) return -1;
    uint64_t at = hash_of(t) & (r->hash_room - 1);
    for (int64_t id; (id = r->hash[at]) >= 0; at = (at + 1) & (r->hash_room - 1)) {
        text known = name_at(r, id);
        if (known.length == t.length && !memcmp(known.start, t.start, t.length)) return id;
    }
    int64_t id = r->state.names, end = r->state.name_bytes + t.length;
    if (!reserve(r, (void **)&r->names, &r->names_room, end + 1, 1)) return -1;
    if (!reserve(r, (void **)&r->name_ends, &r->ends_room, id + 1, sizeof *r->name_ends)) return -1;
    memcpy(r->names + r->state.name_bytes, t.start, t.length);
    r->state.name_bytes = r->name_ends[id] = end;
    r->hash[at] = id;
    r->state.names++;
    return id;
}

static int keep(trace_reader *r, table *t, const int64_t *slots) {
    if (t->rows == t->room) {
        int64_t room = t->room;
        for (int i = 0; i < t->columns; i++) {
            room = t->room;
            if (!reserve(r, (void **)&t->data[i], &room, t->rows + 1, sizeof **t->data)) return 0;
        }
        t->room = room;
    }
    for (int i = 0; i < t->columns; i++) t->data[i][t->rows] = slots[t->slots[i]];
    t->rows++;
    return 1;
}

/* ---- events ---- */

static int is(text t, const char *name, int64_t length) {
    return t.length == length && !memcmp(t.start, name, length);
}
#define IS(t, name) is(t, name, sizeof(name) - 1)

/* A number, bare or in quotes, into `slot`; any other value leaves the slot as it is. */
static int number(cursor *c, int scale, int64_t *slot) {
    text t;
    int ch = peek(c);
    if (c->need) return 0;
    if (ch == '{' || ch == '[') return skip(c, 0);
    const char *start = c->p;
    if (!(ch == '"' ? string(c, &t) : word(c, &t))) return 0;
    if (decimal(t, scale, slot) || ch == '"' || valid_word(t)) return 1;
    c->p = start;
    return bad(c, "a value is neither number, text, list nor object");
}

static int numbers(cursor *c, int count, int64_t *slots) {
    if (peek(c) != '[') return c->need ? 0 : number(c, 0, slots);
    int go = opened(c, ']');
    for (int i = 0; go == 1; i++) {
        if (!(i < count ? number(c, 0, slots + i) : skip(c, 0))) return 0;
        go = separator(c, ']');
    }
    return go;
}

static int arguments(trace_reader *r, cursor *c, int64_t *slots) {
    if (peek(c) != '{') return c->need ? 0 : skip(c, 0);
    int go = opened(c, '}');
    while (go == 1) {
        text k;
        int i = 0;
        if (!key(c, &k)) return 0;
        while (i < r->arguments && !is(k, r->argument[i].key.start, r->argument[i].key.length)) i++;
        if (!(i < r->arguments ? numbers(c, r->argument[i].count, slots + r->argument[i].slot) : skip(c, 0))) return 0;
        go = separator(c, '}');
    }
    return go;
}

typedef struct {
    text name, phase;
    int category; /* -1: none was said, -2: one that nobody asked for */
} event_head;

static int category_of(const trace_reader *r, text t) {
    for (int i = 0; i < r->categories; i++)
        if (is(t, r->category[i].name.start, r->category[i].name.length)) return i;
    return -2;
}

static int text_or_skip(cursor *c, text *found) {
    if (peek(c) == '"') return string(c, found);
    return c->need ? 0 : skip(c, 0);
}

static int member(trace_reader *r, cursor *c, text k, event_head *head, int64_t *slots) {
    text t = {0, 0};
    if (IS(k, "name")) return text_or_skip(c, &head->name);
    if (IS(k, "ph")) return text_or_skip(c, &head->phase);
    if (IS(k, "cat")) {
        if (!text_or_skip(c, &t)) return 0;
        head->category = category_of(r, t);
        return 1;
    }
    if (head->category < -1 || (head->category >= 0 && r->category[head->category].table < 0)) return skip(c, 0);
    if (IS(k, "ts")) {
        slots[TS] = INT64_MIN;
        return number(c, 3, slots + TS);
    }
    if (IS(k, "dur")) {
        slots[DUR] = INT64_MIN;
        return number(c, 3, slots + DUR);
    }
    if (IS(k, "pid")) return number(c, 0, slots + PID);
    if (IS(k, "tid")) return number(c, 0, slots + TID);
    if (IS(k, "args")) return arguments(r, c, slots);
    return skip(c, 0);
}

/* One event; what it says goes to its table once it is read to its end. */
static int event(trace_reader *r, cursor *c) {
    event_head head = {{"", 0}, {"", 0}, -1};
    int64_t slots[SLOTS], end;
    for (int i = 0; i < SLOTS; i++) slots[i] = UNKNOWN;
    slots[TS] = INT64_MIN;
    slots[DUR] = 0;
    int go = opened(c, '}');
    while (go == 1) {
        text k;
        if (!key(c, &k) || !member(r, c, k, &head, slots)) return 0;
        go = separator(c, '}');
    }
    if (!go) return 0;
    r->state.events++;
    if (head.category < 0) return 1;
    int to = r->category[head.category].table;
    if (to < 0) {
        r->state.known++;
        return 1;
    }
    if (!IS(head.phase, "X")) return 1;
    if (slots[TS] == INT64_MIN || slots[DUR] == INT64_MIN || __builtin_add_overflow(slots[TS], slots[DUR], &end)) {
        r->state.bad++;
        return 1;
    }
    slots[CODE] = r->category[head.category].code;
    if ((slots[NAME] = intern(r, head.name)) < 0 || !keep(r, &r->tables[to], slots)) return bad(c, "memory is full");
    return 1;
}

/* ---- the document ---- */

static int keep_other(trace_reader *r, const char *start, const char *end) {
    int64_t length = end - start, at = r->state.other_bytes;
    if (length > OTHER_LIMIT) return 1;
    if (!reserve(r, (void **)&r->other, &r->other_room, at + length + 2, 1)) return 0;
    if (at) r->other[at++] = ',';
    memcpy(r->other + at, start, length);
    r->state.other_bytes = at + length;
    return 1;
}

enum { BEFORE, MEMBERS, EVENTS, BEHIND };

/* Before the document's first bracket. */
static int begin(trace_reader *r, cursor *c) {
    if (c->end - c->p >= 3 && !memcmp(c->p, "\xEF\xBB\xBF", 3)) c->p += 3;
    int ch = peek(c);
    if (c->need) return 0;
    if (ch != '{' && ch != '[') return bad(c, "it is no JSON");
    c->p++;
    r->state.stage = ch == '{' ? MEMBERS : EVENTS;
    if (ch == '[') r->state.found = 2; /* the list is the document */
    return 1;
}

/* One member of the document, with the comma behind the one before. */
static int top_member(trace_reader *r, cursor *c) {
    int ch = peek(c);
    if (ch == ',') c->p++, ch = peek(c);
    if (c->need) return 0;
    if (ch == '}') {
        c->p++;
        r->state.stage = BEHIND;
        return 1;
    }
    const char *start = c->p;
    text k;
    if (!key(c, &k)) return 0;
    ch = peek(c);
    if (c->need) return 0;
    if (IS(k, "traceEvents")) {
        if (ch != '[') return bad(c, "traceEvents is no list");
        c->p++;
        r->state.stage = EVENTS;
        r->state.found = 1;
        return 1;
    }
    if (!skip(c, 0)) return 0;
    return keep_other(r, start, c->p) ? 1 : bad(c, "memory is full");
}

static int one_event(trace_reader *r, cursor *c) {
    int ch = peek(c);
    if (ch == ',') c->p++, ch = peek(c);
    if (c->need) return 0;
    if (ch == ']') {
        c->p++;
        r->state.stage = r->state.found == 2 ? BEHIND : MEMBERS;
        return 1;
    }
    return ch == '{' ? event(r, c) : bad(c, "an event is no object");
}

int64_t trace_feed(trace_reader *r, const char *block, int64_t length) {
    cursor c = {block, block + length, 0, 0};
    for (;;) {
        const char *done = c.p;
        int go;
        switch (r->state.stage) {
        case BEFORE: go = begin(r, &c); break;
        case MEMBERS: go = top_member(r, &c); break;
        case EVENTS: go = one_event(r, &c); break;
        default: go = (peek(&c), bad(&c, "there is text behind its end"));
        }
        if (go) continue;
        if (c.message) {
            r->state.message = c.message;
            r->state.at = c.p - block;
            return -1;
        }
        return (r->state.stage == BEHIND ? c.p : done) - block;
    }
}

/* ---- set-up and results ---- */

trace_reader *trace_open(void) { return calloc(1, sizeof(trace_reader)); }

static text copied(const char *name) {
    char *copy = strdup(name);
    return (text){copy, copy ? (int64_t)strlen(copy) : 0};
}

void trace_close(trace_reader *r) {
    if (!r) return;
    for (int i = 0; i < r->categories; i++) free((char *)r->category[i].name.start);
    for (int i = 0; i < r->arguments; i++) free((char *)r->argument[i].key.start);
    for (int i = 0; i < TABLES; i++)
        for (int j = 0; j < r->tables[i].columns; j++) free(r->tables[i].data[j]);
    free(r->names), free(r->name_ends), free(r->hash), free(r->other), free(r);
}

int trace_category(trace_reader *r, const char *name, int to, int64_t code) {
    if (r->categories == CATEGORIES || to >= TABLES) return -1;
    r->category[r->categories].name = copied(name);
    r->category[r->categories].table = to;
    r->category[r->categories++].code = code;
    return 0;
}

int trace_argument(trace_reader *r, const char *name, int slot, int count) {
    if (r->arguments == ARGUMENTS || slot < TRACE_FIXED || count < 1 || slot + count > SLOTS) return -1;
    r->argument[r->arguments].key = copied(name);
    r->argument[r->arguments].slot = slot;
    r->argument[r->arguments++].count = count;
    return 0;
}

int trace_table(trace_reader *r, int to, const int32_t *slots, int count) {
    if (to < 0 || to >= TABLES || count > COLUMNS) return -1;
    for (int i = 0; i < count; i++)
        if ((r->tables[to].slots[i] = slots[i]) < 0 || slots[i] >= SLOTS) return -1;
    r->tables[to].columns = count;
    return 0;
}

const trace_state *trace_look(const trace_reader *r) { return &r->state; }
int64_t trace_rows(const trace_reader *r, int to) { return r->tables[to].rows; }
const int64_t *trace_column(const trace_reader *r, int to, int column) { return r->tables[to].data[column]; }
const char *trace_names(const trace_reader *r) { return r->names; }
const int64_t *trace_name_ends(const trace_reader *r) { return r->name_ends; }
const char *trace_other(const trace_reader *r) { return r->other; }
