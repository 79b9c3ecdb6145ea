/* A stand-in for NVIDIA's libnvidia-ml.so.1, for tests of ArcOps over the real Python binding.
 *
 * Symbols, structures, versions and return codes are those that the binding (nvidia-ml-py) calls; what they answer comes from
 * the text file that NVIDIA_FAKE_STATE names, which is read again at every call so that faults can appear in the middle of a run.
 *
 *   key=value                     of the node
 *   gpu.key=value                 of every device, gpu3.key=value of device 3; the last line that fits wins
 *   gpu.ret.FUNCTION=15           FUNCTION returns 15 (ret.FUNCTION for functions without a device; * for every function)
 *   gpu.hang.FUNCTION=1           FUNCTION never returns; gpu.crash.FUNCTION=1: it ends the process
 *   gpu.field.94=7                a field value; gpu.fieldret.94=3 its own return code; gpu.fieldtype.94=0 its type;
 *                                 gpu.field.208.5=7 that of scope 5
 *   after FUNCTION N: LINE        LINE holds once FUNCTION was called N times since nvmlInit
 *
 * What no line answers is NVML_ERROR_NOT_SUPPORTED.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef unsigned int u32;
typedef unsigned long long u64;
typedef int ret_t;

enum { OK = 0, INVALID = 2, UNSUPPORTED = 3, NOT_FOUND = 6, SMALL = 7, TIMED_OUT = 10, VERSION = 25 };
enum { MOST_DEVICES = 16, MOST_CALLS = 256, LINE = 512 };
#define NODE (-1)

typedef struct { int index; int instance; } device_t;
static device_t devices[MOST_DEVICES], instances[MOST_DEVICES][16];

static struct { char name[64]; int times; } calls[MOST_CALLS];

static int told_events;

static int called(const char *function, int more) {
    for (int i = 0; i < MOST_CALLS; i++) {
        if (!calls[i].name[0]) snprintf(calls[i].name, sizeof calls[i].name, "%s", function);
        if (!strcmp(calls[i].name, function)) return calls[i].times += more;
    }
    return 0;
}

static char *state;

/* The lines of the state file; it is read again whenever it was replaced. */
static const char *lines(void) {
    static struct stat known;
    struct stat now;
    const char *path = getenv("NVIDIA_FAKE_STATE");
    if (!path || stat(path, &now)) return NULL;
    if (state && now.st_ino == known.st_ino && now.st_size == known.st_size &&
        now.st_mtim.tv_sec == known.st_mtim.tv_sec && now.st_mtim.tv_nsec == known.st_mtim.tv_nsec)
        return state;
    FILE *file = fopen(path, "r");
    if (!file) return NULL;
    state = realloc(state, (size_t)now.st_size + 1);
    state[fread(state, 1, (size_t)now.st_size, file)] = 0;
    fclose(file);
    known = now;
    return state;
}

/* Does the state say something of key for this device? Then it is copied to value. */
static int find(int device, const char *key, char *value) {
    char all[LINE], own[LINE], line[LINE];
    int found = 0;
    const char *next = lines();
    snprintf(all, sizeof all, device == NODE ? "%s=" : "gpu.%s=", key);
    snprintf(own, sizeof own, "gpu%d.%s=", device, key);
    while (next && *next) {
        char *text = line, function[64];
        int times, used = 0;
        size_t length = strcspn(next, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, next);
        next += length + (next[length] == '\n');
        if (sscanf(line, "after %63s %d: %n", function, &times, &used) == 2 && used) {
            if (called(function, 0) < times) continue;
            text += used;
        }
        const char *fitting = !strncmp(text, own, strlen(own)) ? own : !strncmp(text, all, strlen(all)) ? all : NULL;
        if (fitting) {
            snprintf(value, LINE, "%s", text + strlen(fitting));
            found = 1;
        }
    }
    return found;
}

static int get(int device, u64 *value, const char *format, ...) {
    char key[LINE], text[LINE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(key, sizeof key, format, arguments);
    va_end(arguments);
    if (!find(device, key, text)) return 0;
    *value = text[0] == '-' ? (u64)strtoll(text, NULL, 0) : strtoull(text, NULL, 0);
    return 1;
}

/* Every function begins here: it is counted, may hang, and may be told what to return. */
static ret_t begin(const char *function, int device) {
    u64 value;
    called(function, 1);
    if (get(device, &value, "hang.%s", function))
        for (;;) pause();
    if (get(device, &value, "crash.%s", function)) abort();
    if (get(device, &value, "ret.%s", function) || get(device, &value, "ret.*")) return (ret_t)value;
    return OK;
}

#define BEGIN(device) do { ret_t told = begin(__func__, device); if (told) return told; } while (0)

static ret_t number(const char *function, device_t *device, u32 *out, const char *key) {
    u64 value;
    ret_t told = begin(function, device->index);
    if (told) return told;
    if (!get(device->index, &value, "%s", key)) return UNSUPPORTED;
    *out = (u32)value;
    return OK;
}

static ret_t wide(const char *function, device_t *device, u64 *out, const char *key) {
    ret_t told = begin(function, device->index);
    if (told) return told;
    return get(device->index, out, "%s", key) ? OK : UNSUPPORTED;
}

static ret_t text(const char *function, int device, char *out, u32 size, const char *key) {
    char value[LINE];
    ret_t told = begin(function, device);
    if (told) return told;
    if (!find(device, key, value)) return UNSUPPORTED;
    snprintf(out, size, "%s", value);
    return OK;
}

/* NVIDIA_FAKE_HANG names a file: whoever loads the library makes it and waits for ever, with the loader's locks held. */
__attribute__((constructor)) static void loaded(void) {
    const char *mark = getenv("NVIDIA_FAKE_HANG");
    if (!mark) return;
    FILE *file = fopen(mark, "w");
    if (file) fclose(file);
    for (;;) pause();
}

/* The node */

ret_t nvmlInitWithFlags(u32 flags) {
    (void)flags;
    BEGIN(NODE);
    memset(calls, 0, sizeof calls); /* counts begin with each use, so that many tests may share one process */
    told_events = 0;
    for (int i = 0; i < MOST_DEVICES; i++) {
        devices[i] = (device_t){i, -1};
        for (int j = 0; j < 16; j++) instances[i][j] = (device_t){i, j};
    }
    return OK;
}
ret_t nvmlShutdown(void) { BEGIN(NODE); return OK; }
const char *nvmlErrorString(ret_t code) { (void)code; return "told by the simulator"; }
ret_t nvmlSystemGetDriverVersion(char *out, u32 size) { return text(__func__, NODE, out, size, "driver"); }
ret_t nvmlSystemGetCudaDriverVersion_v2(int *out) {
    u64 value;
    BEGIN(NODE);
    if (!get(NODE, &value, "cuda")) return UNSUPPORTED;
    *out = (int)value;
    return OK;
}

typedef struct { u32 cpuCaps, gpusCaps; } caps_t;
ret_t nvmlSystemGetConfComputeCapabilities(caps_t *caps) {
    u64 value;
    BEGIN(NODE);
    if (!get(NODE, &value, "cc.capable")) return UNSUPPORTED;
    caps->gpusCaps = (u32)value;
    return OK;
}

typedef struct { u32 version, environment, feature, tools, multiple; } settings_t;
ret_t nvmlSystemGetConfComputeSettings(settings_t *settings) {
    u64 environment, feature, tools;
    BEGIN(NODE);
    if (settings->version != 0x1000014) return VERSION;
    if (!get(NODE, &environment, "cc.environment") || !get(NODE, &feature, "cc.on") || !get(NODE, &tools, "cc.tools"))
        return UNSUPPORTED;
    settings->environment = (u32)environment;
    settings->feature = (u32)feature;
    settings->tools = (u32)tools;
    return OK;
}

typedef struct { u32 environment, feature, tools; } state_t;
ret_t nvmlSystemGetConfComputeState(state_t *state) {
    settings_t settings = {.version = 0x1000014};
    BEGIN(NODE);
    ret_t told = nvmlSystemGetConfComputeSettings(&settings);
    *state = (state_t){settings.environment, settings.feature, settings.tools};
    return told;
}

ret_t nvmlDeviceGetCount_v2(u32 *out) {
    u64 value;
    BEGIN(NODE);
    if (!get(NODE, &value, "count")) return UNSUPPORTED;
    *out = (u32)value;
    return OK;
}
ret_t nvmlDeviceGetHandleByIndex_v2(u32 index, device_t **out) {
    BEGIN((int)index);
    if (index >= MOST_DEVICES) return INVALID;
    *out = &devices[index];
    return OK;
}

/* Which device it is */

ret_t nvmlDeviceGetName(device_t *d, char *out, u32 size) { return text(__func__, d->index, out, size, "name"); }
ret_t nvmlDeviceGetUUID(device_t *d, char *out, u32 size) {
    char key[LINE] = "uuid";
    if (d->instance >= 0) snprintf(key, sizeof key, "mig.%d.uuid", d->instance);
    return text(__func__, d->index, out, size, key);
}
ret_t nvmlDeviceGetSerial(device_t *d, char *out, u32 size) { return text(__func__, d->index, out, size, "serial"); }
ret_t nvmlDeviceGetBoardPartNumber(device_t *d, char *out, u32 size) { return text(__func__, d->index, out, size, "part"); }
ret_t nvmlDeviceGetVbiosVersion(device_t *d, char *out, u32 size) { return text(__func__, d->index, out, size, "vbios"); }
ret_t nvmlDeviceGetInforomImageVersion(device_t *d, char *out, u32 size) {
    return text(__func__, d->index, out, size, "inforom");
}
ret_t nvmlDeviceValidateInforom(device_t *d) { BEGIN(d->index); return OK; }

typedef struct { char legacy[16]; u32 domain, bus, device, id, subsystem; char bus_id[32]; } pci_t;
ret_t nvmlDeviceGetPciInfo_v3(device_t *d, pci_t *out) {
    memset(out, 0, sizeof *out);
    return text(__func__, d->index, out->bus_id, sizeof out->bus_id, "pci");
}

/* Memory */

typedef struct { u64 total, free, used; } memory_t;
ret_t nvmlDeviceGetMemoryInfo(device_t *d, memory_t *out) {
    ret_t told = wide(__func__, d, &out->total, "memory");
    if (told == OK && get(d->index, &out->free, "memory.free")) out->used = out->total - out->free;
    return told;
}
ret_t nvmlDeviceGetEccMode(device_t *d, u32 *now, u32 *pending) {
    u64 value;
    ret_t told = number(__func__, d, now, "ecc");
    *pending = get(d->index, &value, "ecc.pending") ? (u32)value : *now;
    return told;
}
ret_t nvmlDeviceGetTotalEccErrors(device_t *d, u32 kind, u32 span, u64 *out) {
    BEGIN(d->index);
    return get(d->index, out, "errors.all.%u.%u", kind, span) ? OK : UNSUPPORTED;
}
ret_t nvmlDeviceGetMemoryErrorCounter(device_t *d, u32 kind, u32 span, u32 location, u64 *out) {
    BEGIN(d->index);
    return get(d->index, out, "errors.%u.%u.%u", location, kind, span) ? OK : UNSUPPORTED;
}
ret_t nvmlDeviceGetRemappedRows(device_t *d, u32 *corrected, u32 *uncorrected, u32 *pending, u32 *failed) {
    u64 value;
    ret_t told = number(__func__, d, corrected, "rows.corrected");
    *uncorrected = get(d->index, &value, "rows.uncorrected") ? (u32)value : 0;
    *pending = get(d->index, &value, "rows.pending") ? (u32)value : 0;
    *failed = get(d->index, &value, "rows.failed") ? (u32)value : 0;
    return told;
}
typedef struct { u32 max, high, partial, low, none; } histogram_t;
ret_t nvmlDeviceGetRowRemapperHistogram(device_t *d, histogram_t *out) {
    memset(out, 0, sizeof *out);
    return number(__func__, d, &out->none, "rows.exhausted");
}
ret_t nvmlDeviceGetRetiredPages(device_t *d, u32 cause, u32 *count, u64 *pages) {
    u64 have;
    BEGIN(d->index);
    if (!get(d->index, &have, "pages.%u", cause)) return UNSUPPORTED;
    if (*count < have) { *count = (u32)have; return SMALL; }
    *count = (u32)have;
    for (u32 i = 0; pages && i < have; i++) pages[i] = i << 16;
    return OK;
}
ret_t nvmlDeviceGetRetiredPagesPendingStatus(device_t *d, u32 *out) { return number(__func__, d, out, "pages.pending"); }
typedef struct { u32 version; u64 counts[11]; u32 exceeded; } sram_t;
ret_t nvmlDeviceGetSramEccErrorStatus(device_t *d, sram_t *out) {
    if (out->version != 0x1000068) return VERSION;
    return number(__func__, d, &out->exceeded, "sram.exceeded");
}
typedef struct { u32 version, value; } versioned_t;
ret_t nvmlDeviceGetUnrepairableMemoryFlag_v1(device_t *d, versioned_t *out) {
    if (out->version != 0x1000008) return VERSION;
    return number(__func__, d, &out->value, "unrepairable");
}
typedef struct { u32 version, channel, tpc; } repair_t;
ret_t nvmlDeviceGetRepairStatus(device_t *d, repair_t *out) {
    u64 value;
    if (out->version != 0x100000C) return VERSION;
    ret_t told = number(__func__, d, &out->channel, "repair.channel");
    out->tpc = get(d->index, &value, "repair.tpc") ? (u32)value : 0;
    return told;
}

/* Fields: the call may succeed while a value of it did not */

typedef struct { u32 id, scope; long long at, latency; u32 type; ret_t ret; union { double d; u32 ui; u64 ull; } value; } field_t;
ret_t nvmlDeviceGetFieldValues(device_t *d, int count, field_t *fields) {
    BEGIN(d->index);
    for (int i = 0; i < count; i++) {
        u64 value;
        field_t *field = &fields[i];
        field->type = get(d->index, &value, "fieldtype.%u", field->id) ? (u32)value : 3;
        field->ret = get(d->index, &value, "fieldret.%u", field->id) ? (ret_t)value : OK;
        if (!get(d->index, &field->value.ull, "field.%u.%u", field->id, field->scope) &&
            !get(d->index, &field->value.ull, "field.%u", field->id) && field->ret == OK)
            field->ret = UNSUPPORTED;
    }
    return OK;
}

/* Strain */

typedef struct { u32 version, sensor; int celsius; } temperature_t;
ret_t nvmlDeviceGetTemperatureV(device_t *d, temperature_t *out) {
    if (out->version != 0x100000C) return VERSION;
    return number(__func__, d, (u32 *)&out->celsius, "temperature");
}
ret_t nvmlDeviceGetTemperature(device_t *d, u32 sensor, u32 *out) {
    (void)sensor;
    return number(__func__, d, out, "temperature");
}
ret_t nvmlDeviceGetTemperatureThreshold(device_t *d, u32 which, u32 *out) {
    return number(__func__, d, out, which == 1 ? "slows-at" : "other-threshold");
}
ret_t nvmlDeviceGetMarginTemperature(device_t *d, versioned_t *out) {
    if (out->version != 0x1000008) return VERSION;
    return number(__func__, d, &out->value, "margin");
}
ret_t nvmlDeviceGetCurrentClocksEventReasons(device_t *d, u64 *out) { return wide(__func__, d, out, "reasons"); }
ret_t nvmlDeviceGetSupportedClocksEventReasons(device_t *d, u64 *out) { return wide(__func__, d, out, "reasons.told"); }
ret_t nvmlDeviceGetCurrentClocksThrottleReasons(device_t *d, u64 *out) { return wide(__func__, d, out, "reasons"); }
ret_t nvmlDeviceGetSupportedClocksThrottleReasons(device_t *d, u64 *out) { return wide(__func__, d, out, "reasons.told"); }
ret_t nvmlDeviceGetClockInfo(device_t *d, u32 which, u32 *out) {
    return number(__func__, d, out, which == 1 ? "clock.sm" : "clock.other");
}
ret_t nvmlDeviceGetPowerUsage(device_t *d, u32 *out) { return number(__func__, d, out, "power.drawn"); }
ret_t nvmlDeviceGetEnforcedPowerLimit(device_t *d, u32 *out) { return number(__func__, d, out, "power.limit"); }
ret_t nvmlDeviceGetPowerManagementDefaultLimit(device_t *d, u32 *out) { return number(__func__, d, out, "power.standard"); }
ret_t nvmlDeviceGetPowerManagementLimitConstraints(device_t *d, u32 *least, u32 *most) {
    u64 value;
    ret_t told = number(__func__, d, least, "power.least");
    *most = get(d->index, &value, "power.most") ? (u32)value : 0;
    return told;
}

/* Links */

ret_t nvmlDeviceGetCurrPcieLinkGeneration(device_t *d, u32 *out) { return number(__func__, d, out, "pcie.generation"); }
ret_t nvmlDeviceGetMaxPcieLinkGeneration(device_t *d, u32 *out) { return number(__func__, d, out, "pcie.slot"); }
ret_t nvmlDeviceGetGpuMaxPcieLinkGeneration(device_t *d, u32 *out) { return number(__func__, d, out, "pcie.own"); }
ret_t nvmlDeviceGetCurrPcieLinkWidth(device_t *d, u32 *out) { return number(__func__, d, out, "pcie.width"); }
ret_t nvmlDeviceGetMaxPcieLinkWidth(device_t *d, u32 *out) { return number(__func__, d, out, "pcie.most-width"); }
ret_t nvmlDeviceGetPcieReplayCounter(device_t *d, u32 *out) { return number(__func__, d, out, "pcie.replays"); }

static ret_t of_link(const char *function, device_t *d, u32 link, u32 *out, const char *key) {
    u64 value;
    ret_t told = begin(function, d->index);
    if (told) return told;
    if (!get(d->index, &value, "nvlink.%u.%s", link, key) && !get(d->index, &value, "nvlink.%s", key)) return UNSUPPORTED;
    *out = (u32)value;
    return OK;
}
ret_t nvmlDeviceGetNvLinkState(device_t *d, u32 link, u32 *out) { return of_link(__func__, d, link, out, "active"); }
ret_t nvmlDeviceGetNvLinkVersion(device_t *d, u32 link, u32 *out) { return of_link(__func__, d, link, out, "version"); }
ret_t nvmlDeviceGetNvLinkErrorCounter(device_t *d, u32 link, u32 counter, u64 *out) {
    char key[LINE];
    u32 value = 0;
    snprintf(key, sizeof key, "errors.%u", counter);
    ret_t told = of_link(__func__, d, link, &value, key);
    *out = value;
    return told;
}

typedef struct { u32 version; unsigned char cluster[16]; ret_t status; u32 clique; u32 state; u32 mask; unsigned char summary; }
    fabric_t;
ret_t nvmlDeviceGetGpuFabricInfoV(device_t *d, fabric_t *out) {
    u64 value, newest = 3;
    BEGIN(d->index);
    get(d->index, &newest, "fabric.version");
    if (out->version != 0x3000028 && out->version != 0x02000024) return VERSION;
    if (out->version == 0x3000028 && newest < 3) return VERSION;
    if (!get(d->index, &value, "fabric.state")) return UNSUPPORTED;
    out->state = (u32)value;
    out->status = get(d->index, &value, "fabric.status") ? (ret_t)value : OK;
    out->mask = get(d->index, &value, "fabric.mask") ? (u32)value : 0;
    if (out->version == 0x3000028) out->summary = get(d->index, &value, "fabric.summary") ? (unsigned char)value : 0;
    return OK;
}

/* Modes */

ret_t nvmlDeviceGetMigMode(device_t *d, u32 *now, u32 *pending) {
    u64 value;
    ret_t told = number(__func__, d, now, "mig");
    *pending = get(d->index, &value, "mig.pending") ? (u32)value : *now;
    return told;
}
ret_t nvmlDeviceGetMaxMigDeviceCount(device_t *d, u32 *out) { return number(__func__, d, out, "mig.most"); }
ret_t nvmlDeviceGetMigDeviceHandleByIndex(device_t *d, u32 index, device_t **out) {
    char value[LINE], key[64];
    BEGIN(d->index);
    if (index >= 16) return INVALID;
    snprintf(key, sizeof key, "mig.%u.uuid", index);
    if (!find(d->index, key, value)) return NOT_FOUND;
    *out = &instances[d->index][index];
    return OK;
}
typedef struct { u32 counts[8]; u64 megabytes; } attributes_t;
ret_t nvmlDeviceGetAttributes_v2(device_t *d, attributes_t *out) {
    BEGIN(d->index);
    return get(d->index, &out->megabytes, "mig.%d.megabytes", d->instance) ? OK : UNSUPPORTED;
}
ret_t nvmlDeviceGetPerformanceState(device_t *d, u32 *out) { return number(__func__, d, out, "state"); }
typedef struct { u32 gpu, memory; } rates_t;
ret_t nvmlDeviceGetUtilizationRates(device_t *d, rates_t *out) { return number(__func__, d, &out->gpu, "busy"); }
ret_t nvmlDeviceGetPersistenceMode(device_t *d, u32 *out) { return number(__func__, d, out, "persistence"); }
ret_t nvmlDeviceGetComputeMode(device_t *d, u32 *out) { return number(__func__, d, out, "compute-mode"); }

typedef struct { u32 pid; u64 used; u32 gpu_instance, compute_instance; } process_t;
static ret_t processes(const char *function, device_t *d, u32 *count, process_t *out, const char *key) {
    u32 have = 0;
    ret_t told = number(function, d, &have, key);
    if (told) return told;
    if (*count < have) { *count = have; return SMALL; }
    for (u32 i = 0; out && i < have; i++) out[i] = (process_t){1000 + i, 1 << 20, 0, 0};
    *count = have;
    return OK;
}
ret_t nvmlDeviceGetComputeRunningProcesses_v3(device_t *d, u32 *count, process_t *out) {
    return processes(__func__, d, count, out, "processes.compute");
}
ret_t nvmlDeviceGetGraphicsRunningProcesses_v3(device_t *d, u32 *count, process_t *out) {
    return processes(__func__, d, count, out, "processes.graphics");
}

/* Faults: event.N=XID on the device event.N.gpu, or of another event.N.type, is told at the N-th wait that finds it */

typedef struct { device_t *device; u64 type, data; u32 gpu_instance, compute_instance; } event_t;
ret_t nvmlEventSetCreate(void **out) { BEGIN(NODE); *out = &told_events; return OK; }
ret_t nvmlDeviceGetSupportedEventTypes(device_t *d, u64 *out) { return wide(__func__, d, out, "events.told"); }
ret_t nvmlDeviceRegisterEvents(device_t *d, u64 types, void *set) { (void)types; (void)set; BEGIN(d->index); return OK; }
ret_t nvmlEventSetWait_v2(void *set, event_t *out, u32 milliseconds) {
    u64 xid, device = 0, type = 8;
    (void)set;
    BEGIN(NODE);
    if (!get(NODE, &xid, "event.%d", told_events)) {
        usleep(milliseconds * 10); /* a hundredth of what was asked, so that tests need not wait */
        return TIMED_OUT;
    }
    get(NODE, &device, "event.%d.gpu", told_events);
    get(NODE, &type, "event.%d.type", told_events);
    told_events++;
    *out = (event_t){&devices[device % MOST_DEVICES], type, xid, 0, 0};
    return OK;
}
ret_t nvmlEventSetFree(void *set) { (void)set; BEGIN(NODE); return OK; }
