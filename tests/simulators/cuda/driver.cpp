/* A stand-in for NVIDIA's libcuda.so.1, for tests of ArcOps over the real Python binding (cuda-bindings).
 *
 * Memory of the device is memory of the host with a page after it that nobody may touch; kernels run on the host, compiled from
 * the same sources, when the module that was loaded is a cubin for this device and has them. Time is planned: every stream has a
 * clock that work moves on, and events read it. The file that FAKE_CUDA_STATE names is read again whenever it was replaced:
 *
 *   devices=1   name=NVIDIA H200   major=9   minor=0   memory=…   free=…   multiprocessors=…   cache=…   driver=13000
 *   ret.FUNCTION=2                FUNCTION returns 2; after FUNCTION N: ret.OTHER=719 once FUNCTION was called N times
 *   launch.KERNEL=1000000         how many nanoseconds a kernel takes
 *   rate.toDevice=200             bytes a microsecond; also fromDevice, peer
 *   asleep=1                      no event ever ends
 *   idle=1                        kernels take their time and do nothing; idle=2: those that multiply
 *   wrong.KERNEL=N                the Nth word of what the kernel's first argument points to is changed after it ran
 */
#include "kernels.hpp"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <sys/mman.h>
#include <sys/stat.h>
#include <vector>

typedef int result;
enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_IMAGE = 200, INVALID_CONTEXT = 201,
       NO_BINARY = 209, PEER_ALREADY = 704, NOT_FOUND = 500, NOT_READY = 600, INVALID_HANDLE = 400 };

namespace {

std::map<std::string, int> calls;
std::recursive_mutex one_at_a_time;

/* What the state says, by key. */
std::string told(const std::string &key, const std::string &otherwise) {
    static std::vector<std::string> lines;
    static struct stat known;
    struct stat now;
    const char *path = getenv("FAKE_CUDA_STATE");
    if (!path || stat(path, &now)) return otherwise;
    if (now.st_ino != known.st_ino || now.st_mtim.tv_nsec != known.st_mtim.tv_nsec || now.st_mtim.tv_sec != known.st_mtim.tv_sec) {
        std::ifstream file(path);
        lines.clear();
        for (std::string line; std::getline(file, line);) lines.push_back(line);
        known = now;
    }
    std::string found = otherwise;
    for (std::string line : lines) {
        char function[64];
        int times, used = 0;
        if (sscanf(line.c_str(), "after %63s %d: %n", function, &times, &used) == 2 && used) {
            if (calls[function] < times) continue;
            line = line.substr((size_t)used);
        }
        if (line.compare(0, key.size() + 1, key + "=") == 0) found = line.substr(key.size() + 1);
    }
    return found;
}

long long number(const std::string &key, long long otherwise) { return std::stoll(told(key, std::to_string(otherwise))); }

result begin(const char *function) {
    calls[function]++;
    long long all = number("ret.*", 0);
    return (result)number(std::string("ret.") + function, all);
}

struct Memory { size_t size; void *from; size_t mapped; bool device; };
std::map<char *, Memory> memories;
struct Stream { double clock; };
struct Event { double at; bool recorded; };
struct Module { std::string image; };
struct Function { const Kernel *kernel; std::string name; long long most_shared; };
std::vector<void *> streams, events, modules;
std::map<std::string, Function> functions;
int contexts[16];
std::map<int, int> retained;
thread_local int *current;
std::ostringstream book;
double device_bytes;

size_t page() { return 4096; }

char *take(size_t size, bool device) {
    size_t mapped = (size + page() - 1) / page() * page();
    char *from = (char *)mmap(nullptr, mapped + page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (from == MAP_FAILED) return nullptr;
    mprotect(from + mapped, page(), PROT_NONE);
    char *at = from + (mapped - size) / 256 * 256;
    memories[at] = {size, from, mapped + page(), device};
    if (device) device_bytes += (double)size;
    return at;
}

result give(void *at, bool device) {
    auto found = memories.find((char *)at);
    if (found == memories.end() || found->second.device != device) return INVALID_VALUE;
    if (device) device_bytes -= (double)found->second.size;
    munmap(found->second.from, found->second.mapped);
    memories.erase(found);
    return OK;
}

bool inside(const void *at, size_t bytes, bool device) {
    auto found = memories.upper_bound((char *)at);
    if (found == memories.begin()) return false;
    --found;
    return found->second.device == device && (char *)at + bytes <= found->first + found->second.size;
}

bool pinned(const void *at, size_t bytes) { return inside(at, bytes, false); }

template <class T> bool drop(std::vector<void *> &from, T *what) {
    for (size_t i = 0; i < from.size(); i++)
        if (from[i] == what) {
            from.erase(from.begin() + (long)i);
            delete what;
            return true;
        }
    return false;
}

void move(Stream *stream, const char *way, size_t bytes, const void *host) {
    double rate = (double)number(std::string("rate.") + way, 200) / 1000;
    bool slow = host && !pinned(host, bytes);
    stream->clock += (double)bytes / (slow ? rate / 4 : rate);
    book << "copy " << way << (host ? slow ? " pageable " : " pinned " : " ") << bytes << "\n";
}

}  // namespace

#define BEGIN                                                 \
    std::lock_guard<std::recursive_mutex> held(one_at_a_time); \
    do {                                                      \
        result said = begin(__func__);                        \
        if (said) return said;                                \
    } while (0)
#define NEEDS_CONTEXT \
    if (!current) return INVALID_CONTEXT

extern "C" {

/* For the tests: what is still held, and what was done since the last time that they asked. */
const char *fake_held(void) {
    static std::string text;
    std::ostringstream out;
    long device = 0, host = 0, kept = 0;
    for (auto &memory : memories) (memory.second.device ? device : host)++;
    for (auto &one : retained) kept += one.second;
    out << "device=" << device << " host=" << host << " streams=" << streams.size() << " events=" << events.size()
        << " modules=" << modules.size() << " contexts=" << kept;
    text = out.str();
    return text.c_str();
}
const char *fake_book(void) {
    static std::string text;
    text = book.str();
    book.str("");
    return text.c_str();
}
void fake_forget(void) {
    while (!memories.empty()) give(memories.begin()->first, memories.begin()->second.device);
    streams.clear(), events.clear(), modules.clear(), retained.clear(), calls.clear(), functions.clear();
    book.str("");
}

result cuInit(unsigned) { BEGIN; return number("devices", 1) ? OK : NO_DEVICE; }
result cuDriverGetVersion(int *out) { BEGIN; *out = (int)number("driver", 13000); return OK; }
result cuDeviceGetCount(int *out) { BEGIN; *out = (int)number("devices", 1); return OK; }
result cuDeviceGet(int *out, int index) { BEGIN; *out = index; return OK; }
result cuDeviceGetName(char *out, int length, int) {
    BEGIN;
    snprintf(out, (size_t)length, "%s", told("name", "NVIDIA H200").c_str());
    return OK;
}
result cuDeviceGetUuid(unsigned char *out, int device) { BEGIN; memset(out, 0, 16); out[3] = (unsigned char)device; return OK; }
result cuDeviceTotalMem(size_t *out, int) { BEGIN; *out = (size_t)number("memory", 1ll << 34); return OK; }
result cuDeviceGetAttribute(int *out, int attribute, int) {
    BEGIN;
    switch (attribute) {
        case 75: *out = (int)number("major", 9); return OK;
        case 76: *out = (int)number("minor", 0); return OK;
        case 16: *out = (int)number("multiprocessors", 4); return OK;
        case 38: *out = (int)number("cache", 1 << 20); return OK;
        case 97: *out = (int)number("shared", 232448); return OK;
    }
    return INVALID_VALUE;
}
result cuDevicePrimaryCtxRetain(int **out, int device) { BEGIN; retained[device]++; *out = &contexts[device]; return OK; }
result cuDevicePrimaryCtxRelease(int device) { BEGIN; retained[device]--; return OK; }
result cuCtxSetCurrent(int *context) { BEGIN; current = context; return OK; }
result cuCtxSynchronize(void) { BEGIN; return OK; }
result cuMemGetInfo(size_t *free, size_t *total) {
    BEGIN;
    NEEDS_CONTEXT;
    *total = (size_t)number("memory", 1ll << 34);
    *free = (size_t)number("free", (long long)*total) - (size_t)device_bytes;
    return OK;
}
result cuMemAlloc(void **out, size_t size) {
    BEGIN;
    NEEDS_CONTEXT;
    if ((double)size + device_bytes > (double)number("free", number("memory", 1ll << 34))) return OUT_OF_MEMORY;
    return (*out = take(size, true)) ? OK : OUT_OF_MEMORY;
}
result cuMemFree(void *at) { BEGIN; return give(at, true); }
result cuMemHostAlloc(void **out, size_t size, unsigned) {
    BEGIN;
    NEEDS_CONTEXT;
    return (*out = take(size, false)) ? OK : OUT_OF_MEMORY;
}
result cuMemFreeHost(void *at) { BEGIN; return give(at, false); }
result cuMemsetD8Async(void *at, unsigned char value, size_t size, Stream *) {
    BEGIN;
    if (!inside(at, size, true)) return INVALID_VALUE;
    memset(at, value, size);
    return OK;
}
result cuMemcpyHtoDAsync(void *to, const void *from, size_t size, Stream *stream) {
    BEGIN;
    if (!inside(to, size, true)) return INVALID_VALUE;
    if (!number("idle", 0)) memcpy(to, from, size);
    move(stream, "toDevice", size, from);
    return OK;
}
result cuMemcpyDtoHAsync(void *to, const void *from, size_t size, Stream *stream) {
    BEGIN;
    if (!inside(from, size, true)) return INVALID_VALUE;
    if (number("idle", 0) != 1) memcpy(to, from, size);
    move(stream, "fromDevice", size, to);
    return OK;
}
result cuMemcpyPeerAsync(void *to, int *there, const void *from, int *here, size_t size, Stream *stream) {
    BEGIN;
    if (!inside(to, size, true) || !inside(from, size, true) || there == here) return INVALID_VALUE;
    if (!number("idle", 0)) memcpy(to, from, size);
    move(stream, "peer", size, nullptr);
    return OK;
}
result cuDeviceCanAccessPeer(int *out, int, int) { BEGIN; *out = (int)number("peers", 1); return OK; }
result cuCtxEnablePeerAccess(int *context, unsigned) {
    BEGIN;
    static std::map<std::pair<int *, int *>, int> open;
    return open[{current, context}]++ ? PEER_ALREADY : OK;
}
result cuStreamCreate(Stream **out, unsigned) {
    BEGIN;
    NEEDS_CONTEXT;
    streams.push_back(*out = new Stream{0});
    return OK;
}
result cuStreamDestroy(Stream *stream) { BEGIN; return drop(streams, stream) ? OK : INVALID_HANDLE; }
result cuStreamWaitEvent(Stream *stream, Event *event, unsigned) {
    BEGIN;
    if (event->recorded && event->at > stream->clock) stream->clock = event->at;
    return OK;
}
result cuEventCreate(Event **out, unsigned) {
    BEGIN;
    NEEDS_CONTEXT;
    events.push_back(*out = new Event{0, false});
    return OK;
}
result cuEventDestroy(Event *event) { BEGIN; return drop(events, event) ? OK : INVALID_HANDLE; }
result cuEventRecord(Event *event, Stream *stream) { BEGIN; *event = {stream->clock, true}; return OK; }
result cuEventQuery(Event *event) { BEGIN; return event->recorded && !number("asleep", 0) ? OK : NOT_READY; }
result cuEventElapsedTime(float *out, Event *from, Event *to) {
    BEGIN;
    if (!from->recorded || !to->recorded) return INVALID_HANDLE;
    *out = (float)((to->at - from->at) / 1e6);
    return OK;
}
result cuModuleLoadData(Module **out, const unsigned char *image) {
    BEGIN;
    NEEDS_CONTEXT;
    unsigned short machine;
    unsigned flags;
    memcpy(&machine, image + 18, 2);
    memcpy(&flags, image + 48, 4);
    if (memcmp(image, "\177ELF", 4) || machine != 190) return INVALID_IMAGE; /* 190: EM_CUDA */
    unsigned made_for = image[8] < 8 ? flags & 0xFF : flags >> 8 & 0xFF; /* the newer ABI keeps the architecture elsewhere */
    if ((long long)made_for != number("major", 9) * 10 + number("minor", 0)) return NO_BINARY;
    unsigned long long sections;
    unsigned short size, count;
    memcpy(&sections, image + 40, 8), memcpy(&size, image + 58, 2), memcpy(&count, image + 60, 2);
    modules.push_back(*out = new Module{std::string((const char *)image, sections + (size_t)size * count)});
    return OK;
}
result cuModuleUnload(Module *module) { BEGIN; return drop(modules, module) ? OK : INVALID_HANDLE; }
result cuModuleGetFunction(Function **out, Module *module, const char *name) {
    BEGIN;
    std::string wanted = name;
    if (module->image.find(".text." + wanted + '\0') == std::string::npos) return NOT_FOUND;
    if (number("major", 9) < 8 && kernel_named(wanted + "_turing")) wanted += "_turing";
    const Kernel *kernel = kernel_named(wanted);
    if (!kernel) return NOT_FOUND;
    functions[wanted] = {kernel, name, 49152};
    *out = &functions[wanted];
    return OK;
}
result cuFuncSetAttribute(Function *function, int attribute, int value) {
    BEGIN;
    if (attribute != 8 || value > number("shared", 232448)) return INVALID_VALUE;
    function->most_shared = value;
    return OK;
}
result cuLaunchKernel(Function *function, u32 x, u32 y, u32 z, u32 bx, u32 by, u32 bz, u32 bytes, Stream *stream, void **given, void **) {
    BEGIN;
    if (z != 1 || by != 1 || bz != 1 || !x || !y || bx > 1024 || bytes > function->most_shared) return INVALID_VALUE;
    stream->clock += (double)number("launch." + function->name, 1000000);
    book << "launch " << function->name << " " << x << "x" << y << " of " << bx << "\n";
    void *first = *(void **)given[0];
    if (!inside(first, 4, true)) return 700; /* illegal address */
    const Kernel *kernel = function->kernel;
    long long idle = number("idle", 0), wrong = number("wrong." + function->name, -1);
    if (!idle || (idle == 2 && !kernel->meeting)) run_grid({x, y, 1}, {bx, 1, 1}, kernel->meeting, [&] { kernel->run(given); });
    if (wrong >= 0) ((u32 *)first)[wrong] += 0x00400000;
    return OK;
}
/* NVRTC asks for tables of its own when it finds a driver; there are none. */
result cuGetExportTable(const void **out, const void *) { BEGIN; *out = nullptr; return NOT_FOUND; }
result cuGetProcAddress(const char *, void **, int, unsigned long long, int *);

static const struct { const char *name; void *at; } KNOWN[] = {
#define ONE(name) {#name, (void *)name}
    ONE(cuInit), ONE(cuDriverGetVersion), ONE(cuDeviceGetCount), ONE(cuDeviceGet), ONE(cuDeviceGetName), ONE(cuDeviceGetUuid),
    ONE(cuDeviceTotalMem), ONE(cuDeviceGetAttribute), ONE(cuDevicePrimaryCtxRetain), ONE(cuDevicePrimaryCtxRelease),
    ONE(cuCtxSetCurrent), ONE(cuCtxSynchronize), ONE(cuMemGetInfo), ONE(cuMemAlloc), ONE(cuMemFree), ONE(cuMemHostAlloc),
    ONE(cuMemFreeHost), ONE(cuMemsetD8Async), ONE(cuMemcpyHtoDAsync), ONE(cuMemcpyDtoHAsync), ONE(cuMemcpyPeerAsync),
    ONE(cuDeviceCanAccessPeer), ONE(cuCtxEnablePeerAccess), ONE(cuStreamCreate), ONE(cuStreamDestroy), ONE(cuStreamWaitEvent),
    ONE(cuEventCreate), ONE(cuEventDestroy), ONE(cuEventRecord), ONE(cuEventQuery), ONE(cuEventElapsedTime),
    ONE(cuModuleLoadData), ONE(cuModuleUnload), ONE(cuModuleGetFunction), ONE(cuFuncSetAttribute), ONE(cuLaunchKernel),
    ONE(cuGetProcAddress),
};

result cuGetProcAddress(const char *name, void **out, int, unsigned long long, int *status) {
    std::string wanted = told(std::string("without.") + name, "");
    for (auto &one : KNOWN)
        if (wanted.empty() && !strcmp(one.name, name)) {
            *out = one.at;
            if (status) *status = 0;
            return OK;
        }
    *out = nullptr;
    if (status) *status = 1;
    return NOT_FOUND;
}
result cuGetProcAddress_v2(const char *name, void **out, int version, unsigned long long flags, int *status) {
    return cuGetProcAddress(name, out, version, flags, status);
}

}
