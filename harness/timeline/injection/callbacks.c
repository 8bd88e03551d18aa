/* The functions that NVTX calls instead of doing nothing, and the entry point through which it finds them.
 *
 * Named by NVTX_INJECTION64_PATH, this library is asked for InitializeInjectionNvtx2 by each extension module and
 * executable that has NVTX compiled in, at its first NVTX call, once each and from any thread.
 */

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "recorder.h"

enum { NO_TEXT = -1, TEXT_FOLLOWS = -2 };
enum { MOST_UTF8 = 8192 }; /* more than the recorder keeps */

static atomic_int clients;

/* UTF-8 of a wide text, cut to the buffer; its length. */
static size_t utf8(const wchar_t *wide, char *into) {
  size_t length = 0;
  for (; *wide && length + 4 < MOST_UTF8; wide++) {
    uint32_t code = (uint32_t)*wide;
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = 0xfffd;
    if (code < 0x80) {
      into[length++] = (char)code;
      continue;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    into[length++] = (char)((0xff00 >> (more + 1)) | code >> 6 * more); /* 110, 1110, 11110 in front */
    while (more-- > 0) into[length++] = (char)(0x80 | (code >> 6 * more & 0x3f));
  }
  return length;
}

/* --- handles: numbers in the clothes of pointers ----------------------------------------------------------- */

static uint32_t domain_of(nvtx_domain domain) { return (uint32_t)(uintptr_t)domain; }

static nvtx_domain domain_created(const char *name) {
  return (nvtx_domain)(uintptr_t)recorder_domain(name ? name : "", name ? strlen(name) : 0);
}

static nvtx_string registered(const char *text, size_t length) {
  return (nvtx_string)(intptr_t)(recorder_register(text, length) + 1);
}

/* --- events ------------------------------------------------------------------------------------------------ */

static void add_plain(uint8_t kind, uint64_t id, const char *text, size_t length) {
  struct event event = {.kind = kind, .id = id, .message = text ? TEXT_FOLLOWS : NO_TEXT};
  recorder_add(&event, text, length);
}

static void add_ascii(uint8_t kind, uint64_t id, const char *text) {
  if (recorder_is_on()) add_plain(kind, id, text, text ? strlen(text) : 0);
}

static void add_wide(uint8_t kind, uint64_t id, const wchar_t *text) {
  char bytes[MOST_UTF8];
  if (recorder_is_on()) add_plain(kind, id, text ? bytes : NULL, text ? utf8(text, bytes) : 0);
}

static uint64_t extended_bytes(const nvtx_attributes *given) {
  const nvtx_payload_data *data = (const nvtx_payload_data *)(uintptr_t)given->payload;
  uint64_t sum = 0;
  for (int32_t i = 0; data && i < given->payload_count; i++)
    if (data[i].size != SIZE_MAX) sum += data[i].size; /* SIZE_MAX: the schema knows */
  return sum;
}

static void add(uint8_t kind, uint64_t id, nvtx_domain domain, const nvtx_attributes *given) {
  struct event event = {.kind = kind, .id = id, .domain = domain_of(domain), .message = NO_TEXT};
  char bytes[MOST_UTF8];
  const char *text = NULL;
  if (!recorder_is_on()) return;
  if (given && given->size >= sizeof *given) {
    event.category = given->category;
    event.has_color = given->color_type == NVTX_COLOR_ARGB;
    event.color = given->color;
    event.payload_type = given->payload_type;
    event.payload = given->payload_type == NVTX_PAYLOAD_EXTENDED ? extended_bytes(given) : given->payload;
    if (given->message_type == NVTX_MESSAGE_REGISTERED) {
      event.message = (int32_t)(intptr_t)given->message.registered - 1;
    } else if (given->message_type == NVTX_MESSAGE_ASCII && given->message.ascii) {
      text = given->message.ascii;
    } else if (given->message_type == NVTX_MESSAGE_UNICODE && given->message.unicode) {
      bytes[utf8(given->message.unicode, bytes)] = 0; /* it leaves room for it */
      text = bytes;
    }
    if (text) event.message = TEXT_FOLLOWS;
  }
  recorder_add(&event, text, text ? strlen(text) : 0);
}

/* --- CORE: the default domain ------------------------------------------------------------------------------ */

static void mark_ex(const nvtx_attributes *given) { add(EVENT_MARK, 0, NULL, given); }
static void mark_a(const char *text) { add_ascii(EVENT_MARK, 0, text); }
static void mark_w(const wchar_t *text) { add_wide(EVENT_MARK, 0, text); }

static nvtx_range_id start_ex(const nvtx_attributes *given) {
  nvtx_range_id id = recorder_new_range();
  add(EVENT_START, id, NULL, given);
  return id;
}

static nvtx_range_id start_a(const char *text) {
  nvtx_range_id id = recorder_new_range();
  add_ascii(EVENT_START, id, text);
  return id;
}

static nvtx_range_id start_w(const wchar_t *text) {
  nvtx_range_id id = recorder_new_range();
  add_wide(EVENT_START, id, text);
  return id;
}

static void end(nvtx_range_id id) {
  if (id) add_plain(EVENT_END, id, NULL, 0); /* 0: started while nothing recorded */
}

static int push_ex(const nvtx_attributes *given) {
  add(EVENT_PUSH, 0, NULL, given);
  return NVTX_NO_PUSH_POP_TRACKING;
}

static int push_a(const char *text) {
  add_ascii(EVENT_PUSH, 0, text);
  return NVTX_NO_PUSH_POP_TRACKING;
}

static int push_w(const wchar_t *text) {
  add_wide(EVENT_PUSH, 0, text);
  return NVTX_NO_PUSH_POP_TRACKING;
}

static int pop(void) {
  add_plain(EVENT_POP, 0, NULL, 0);
  return NVTX_NO_PUSH_POP_TRACKING;
}

static void name(uint32_t kind, nvtx_domain domain, uint32_t id, const char *text) {
  if (text) recorder_name(kind, domain_of(domain), id, text, strlen(text));
}

static void name_wide(uint32_t kind, nvtx_domain domain, uint32_t id, const wchar_t *text) {
  char bytes[MOST_UTF8];
  if (text) recorder_name(kind, domain_of(domain), id, bytes, utf8(text, bytes));
}

static void name_category_a(uint32_t category, const char *text) { name(NAME_CATEGORY, NULL, category, text); }
static void name_category_w(uint32_t category, const wchar_t *text) { name_wide(NAME_CATEGORY, NULL, category, text); }
static void name_thread_a(uint32_t thread, const char *text) { name(NAME_THREAD, NULL, thread, text); }
static void name_thread_w(uint32_t thread, const wchar_t *text) { name_wide(NAME_THREAD, NULL, thread, text); }

/* --- CORE2: named domains ---------------------------------------------------------------------------------- */

static void domain_mark(nvtx_domain domain, const nvtx_attributes *given) { add(EVENT_MARK, 0, domain, given); }

static nvtx_range_id domain_start(nvtx_domain domain, const nvtx_attributes *given) {
  nvtx_range_id id = recorder_new_range();
  add(EVENT_START, id, domain, given);
  return id;
}

static void domain_end(nvtx_domain domain, nvtx_range_id id) {
  (void)domain; /* the id says it all */
  end(id);
}

static int domain_push(nvtx_domain domain, const nvtx_attributes *given) {
  add(EVENT_PUSH, 0, domain, given);
  return NVTX_NO_PUSH_POP_TRACKING;
}

static int domain_pop(nvtx_domain domain) {
  struct event event = {.kind = EVENT_POP, .domain = domain_of(domain), .message = NO_TEXT};
  recorder_add(&event, NULL, 0);
  return NVTX_NO_PUSH_POP_TRACKING;
}

static void domain_name_category_a(nvtx_domain domain, uint32_t category, const char *text) {
  name(NAME_CATEGORY, domain, category, text);
}

static void domain_name_category_w(nvtx_domain domain, uint32_t category, const wchar_t *text) {
  name_wide(NAME_CATEGORY, domain, category, text);
}

static nvtx_string register_a(nvtx_domain domain, const char *text) {
  (void)domain;
  return text ? registered(text, strlen(text)) : NULL;
}

static nvtx_string register_w(nvtx_domain domain, const wchar_t *text) {
  (void)domain;
  char bytes[MOST_UTF8];
  return text ? registered(bytes, utf8(text, bytes)) : NULL;
}

static nvtx_domain create_a(const char *text) { return domain_created(text); }

static nvtx_domain create_w(const wchar_t *text) {
  char bytes[MOST_UTF8] = "";
  if (text) bytes[utf8(text, bytes)] = 0;
  return domain_created(bytes);
}

static void destroy(nvtx_domain domain) { (void)domain; /* recorded events still name it */ }

/* --- the entry point --------------------------------------------------------------------------------------- */

struct subscription {
  unsigned int id;
  nvtx_function function;
};

#define TO(function) (nvtx_function)(void *)function

static const struct subscription core[] = {
    {CORE_MARK_EX, TO(mark_ex)},
    {CORE_MARK_A, TO(mark_a)},
    {CORE_MARK_W, TO(mark_w)},
    {CORE_START_EX, TO(start_ex)},
    {CORE_START_A, TO(start_a)},
    {CORE_START_W, TO(start_w)},
    {CORE_END, TO(end)},
    {CORE_PUSH_EX, TO(push_ex)},
    {CORE_PUSH_A, TO(push_a)},
    {CORE_PUSH_W, TO(push_w)},
    {CORE_POP, TO(pop)},
    {CORE_NAME_CATEGORY_A, TO(name_category_a)},
    {CORE_NAME_CATEGORY_W, TO(name_category_w)},
    {CORE_NAME_THREAD_A, TO(name_thread_a)},
    {CORE_NAME_THREAD_W, TO(name_thread_w)},
};
static const struct subscription core2[] = {
    {CORE2_MARK_EX, TO(domain_mark)},
    {CORE2_START_EX, TO(domain_start)},
    {CORE2_END, TO(domain_end)},
    {CORE2_PUSH_EX, TO(domain_push)},
    {CORE2_POP, TO(domain_pop)},
    {CORE2_NAME_CATEGORY_A, TO(domain_name_category_a)},
    {CORE2_NAME_CATEGORY_W, TO(domain_name_category_w)},
    {CORE2_REGISTER_A, TO(register_a)},
    {CORE2_REGISTER_W, TO(register_w)},
    {CORE2_CREATE_A, TO(create_a)},
    {CORE2_CREATE_W, TO(create_w)},
    {CORE2_DESTROY, TO(destroy)},
};

static int subscribe(const nvtx_callbacks_table *table, int32_t module, const struct subscription *wanted,
                     size_t count) {
  nvtx_function **functions;
  unsigned int known = 0;
  if (!table->functions_of(module, &functions, &known)) return 0;
  for (size_t i = 0; i < count; i++)
    if (wanted[i].id < known && functions[wanted[i].id]) *functions[wanted[i].id] = wanted[i].function;
  return 1;
}

/* How many modules of this process have found this library. */
EXPORTED int fuseproof_nvtx_clients(void) { return atomic_load(&clients); }

/* Called by NVTX; 1: attached. It only writes into the caller's own tables, so any number of threads may be in it. */
EXPORTED int InitializeInjectionNvtx2(nvtx_get_table get_table) {
  const nvtx_callbacks_table *table = get_table(NVTX_TABLE_CALLBACKS);
  if (!table || table->size < sizeof *table) return 0;
  const nvtx_version_table *version = get_table(NVTX_TABLE_VERSION);
  if (version && version->size >= sizeof *version && version->set_injection_version) version->set_injection_version(3);
  int attached = subscribe(table, NVTX_MODULE_CORE, core, sizeof core / sizeof *core) &&
                 subscribe(table, NVTX_MODULE_CORE2, core2, sizeof core2 / sizeof *core2);
  if (attached) atomic_fetch_add(&clients, 1);
  return attached;
}
