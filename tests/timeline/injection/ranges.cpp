// A C++ library with NVTX compiled in: every function and every kind of argument that a timeline shows.

#include <nvtx3/nvToolsExt.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>

static nvtxEventAttributes_t attributes(const char *message) {
  nvtxEventAttributes_t made;
  std::memset(&made, 0, sizeof made);
  made.version = NVTX_VERSION;
  made.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  made.messageType = NVTX_MESSAGE_TYPE_ASCII;
  made.message.ascii = message;
  return made;
}

static void payloads(nvtxDomainHandle_t domain) {
  auto mark = [domain](const char *name, int type, auto set) {
    nvtxEventAttributes_t made = attributes(name);
    made.payloadType = type;
    set(made.payload);
    nvtxDomainMarkEx(domain, &made);
  };
  mark("uint64", NVTX_PAYLOAD_TYPE_UNSIGNED_INT64, [](auto &payload) { payload.ullValue = UINT64_MAX; });
  mark("int64", NVTX_PAYLOAD_TYPE_INT64, [](auto &payload) { payload.llValue = INT64_MIN; });
  mark("double", NVTX_PAYLOAD_TYPE_DOUBLE, [](auto &payload) { payload.dValue = 0.1; });
  mark("uint32", NVTX_PAYLOAD_TYPE_UNSIGNED_INT32, [](auto &payload) { payload.uiValue = UINT32_MAX; });
  mark("int32", NVTX_PAYLOAD_TYPE_INT32, [](auto &payload) { payload.iValue = -5; });
  mark("float", NVTX_PAYLOAD_TYPE_FLOAT, [](auto &payload) { payload.fValue = 0.1f; });
}

static void default_domain() {
  nvtxEventAttributes_t rich = attributes("push ex");
  rich.colorType = NVTX_COLOR_ARGB;
  rich.color = 0xff112233;
  rich.category = 4;
  nvtxNameCategoryA(4, "four");
  nvtxNameCategoryW(5, L"fünf");
  nvtxNameOsThreadA(static_cast<uint32_t>(syscall(SYS_gettid)), "main loop");
  nvtxRangePushEx(&rich);
  nvtxRangePushA("push a");
  nvtxRangePushW(L"push wide ε 🚀");
  nvtxRangePop();
  nvtxRangePop();
  nvtxRangePop();
  nvtxMarkEx(&rich);
  nvtxMarkA("mark a");
  nvtxMarkW(L"mark w");
  rich.category = 5;
  rich.messageType = NVTX_MESSAGE_TYPE_UNICODE;
  rich.message.unicode = L"start ex";
  nvtxRangeId_t ex = nvtxRangeStartEx(&rich), a = nvtxRangeStartA("start a"), w = nvtxRangeStartW(L"start w");
  nvtxRangeEnd(a);
  std::thread([=] { nvtxRangeEnd(ex); }).join();
  nvtxRangeEnd(w);
}

static void own_domain() {
  nvtxDomainHandle_t domain = nvtxDomainCreateA("engine"), same = nvtxDomainCreateW(L"engine");
  nvtxDomainNameCategoryA(domain, 4, "another four");
  nvtxDomainNameCategoryW(domain, 5, L"another fünf");
  nvtxEventAttributes_t given = attributes(nullptr);
  given.category = 4;
  given.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
  given.message.registered = nvtxDomainRegisterStringA(domain, "registered a");
  nvtxDomainRangePushEx(domain, &given);
  given.category = 5;
  given.message.registered = nvtxDomainRegisterStringW(domain, L"registered w");
  nvtxRangeId_t id = nvtxDomainRangeStartEx(domain, &given);
  nvtxDomainRangePop(same);
  nvtxDomainRangeEnd(domain, id);
  payloads(domain);
  nvtxDomainDestroy(domain);
}

extern "C" void everything() {
  default_domain();
  own_domain();
}

extern "C" void odd() {
  std::string longest(5000, 'x');
  nvtxRangePushA(longest.c_str());
  nvtxRangePushA(nullptr);
  nvtxRangePushA("\xff\xfe");
  for (int i = 0; i < 3; i++) nvtxRangePop();
  nvtxRangePushEx(nullptr);
  nvtxRangePop();
  nvtxEventAttributes_t unregistered = attributes(nullptr);
  unregistered.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
  unregistered.message.registered = reinterpret_cast<nvtxStringHandle_t>(0x7fffffffffff);
  nvtxMarkEx(&unregistered);
  nvtxEventAttributes_t older = attributes("too small");
  older.size = 8;
  nvtxMarkEx(&older);
}

extern "C" void many(int ranges) {
  for (int i = 0; i < ranges; i++) {
    nvtxRangePushA("work");
    nvtxRangePop();
  }
}

extern "C" void many_at_once(int threads, int ranges) {
  std::thread *running = new std::thread[threads];
  for (int i = 0; i < threads; i++) running[i] = std::thread(many, ranges);
  for (int i = 0; i < threads; i++) running[i].join();
  delete[] running;
}
