/* What a tool shares with NVTX 3: the structures and numbers of nvToolsExt.h and nvtxDetail/nvtxTypes.h.
 *
 * Declared here because a machine that records needs no NVTX headers: programs carry their own, compiled in. The layout
 * is the 64-bit one; NVTX has kept it since version 3.0 and only adds at the ends.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

typedef void *nvtx_domain; /* nvtxDomainHandle_t: ours to choose */
typedef void *nvtx_string; /* nvtxStringHandle_t: ours to choose */
typedef uint64_t nvtx_range_id;

enum { NVTX_COLOR_ARGB = 1 };
enum { NVTX_MESSAGE_ASCII = 1, NVTX_MESSAGE_UNICODE = 2, NVTX_MESSAGE_REGISTERED = 3 };
enum { NVTX_PAYLOAD_EXTENDED = (int32_t)0xDFBD0009 }; /* nvToolsExtPayload.h: a list of nvtxPayloadData_t */
enum { NVTX_NO_PUSH_POP_TRACKING = -2 };

typedef struct { /* nvtxEventAttributes_v2 */
  uint16_t version;
  uint16_t size;
  uint32_t category;
  int32_t color_type;
  uint32_t color;
  int32_t payload_type;
  int32_t payload_count; /* reserved0; of extended payloads */
  uint64_t payload;      /* the bits of the union */
  int32_t message_type;
  union {
    const char *ascii;
    const wchar_t *unicode;
    nvtx_string registered;
  } message;
} nvtx_attributes;

typedef struct { /* nvtxPayloadData_v1 */
  uint64_t schema;
  size_t size;
  const void *payload;
} nvtx_payload_data;

enum { NVTX_TABLE_CALLBACKS = 1, NVTX_TABLE_VERSION = 3 };
enum { NVTX_MODULE_CORE = 1, NVTX_MODULE_CORE2 = 5 };

typedef void (*nvtx_function)(void);
typedef const void *(*nvtx_get_table)(uint32_t id);

typedef struct { /* NvtxExportTableCallbacks */
  size_t size;
  int (*functions_of)(int32_t module, nvtx_function ***functions, unsigned int *count);
} nvtx_callbacks_table;

typedef struct { /* NvtxExportTableVersionInfo */
  size_t size;
  uint32_t version;
  uint32_t reserved;
  void (*set_injection_version)(uint32_t version);
} nvtx_version_table;

enum { /* NvtxCallbackIdCore */
  CORE_MARK_EX = 1, CORE_MARK_A, CORE_MARK_W,
  CORE_START_EX, CORE_START_A, CORE_START_W, CORE_END,
  CORE_PUSH_EX, CORE_PUSH_A, CORE_PUSH_W, CORE_POP,
  CORE_NAME_CATEGORY_A, CORE_NAME_CATEGORY_W, CORE_NAME_THREAD_A, CORE_NAME_THREAD_W
};
enum { /* NvtxCallbackIdCore2; 6 and 7 are resources, which no timeline shows */
  CORE2_MARK_EX = 1, CORE2_START_EX, CORE2_END, CORE2_PUSH_EX, CORE2_POP,
  CORE2_NAME_CATEGORY_A = 8, CORE2_NAME_CATEGORY_W, CORE2_REGISTER_A, CORE2_REGISTER_W,
  CORE2_CREATE_A, CORE2_CREATE_W, CORE2_DESTROY
};
