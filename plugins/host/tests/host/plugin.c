/* A plugin in C that counts bytes, and, by CASE, every way of getting the interface wrong. */
#include "drivetrain_plugin.h"

#include <string.h>

enum {
    GOOD = 0,
    NO_SYMBOL,
    NULL_TABLE,
    NULL_TABLE_WITH_REASON,
    TOO_SMALL,
    ABSURD_SIZE,
    NEEDS_NEWER_HOST,
    BUILT_FOR_NEWER_HOST,
    SMALLEST_TABLE,
    MISSING_FUNCTION,
    OTHER_ID,
    OPEN_FAILS_SILENTLY,
    OPEN_WITHOUT_HANDLE,
    UNKNOWN_STATUS,
    LYING_ERROR_LENGTH,
    PANICKY_LOGGER,
    UNDERSIZED_DEVICE,
    UNDERSIZED_FORMAT,
    SESSION_WITHOUT_HANDLE,
    NEGATIVE_SHAPE,
    TOO_MANY_AXES,
    HUGE_SHAPE,
    BORROWED_INPUTS,
    RUN_FAILS_SILENTLY,
    DEVICE_LOST,
    STOLEN_BUFFER,
    SHAPE_CHANGED_IN_PLACE,
    /* From here on the output is the plugin's own memory. */
    OWNED_OUTPUT,
    OWNED_IN_PLACE,
    OWNED_ROW_MAJOR,
    OWNED_OF_WRONG_SHAPE,
    OWNED_WITH_SHAPE_CHANGED_IN_PLACE,
    OWNED_COLUMN_MAJOR,
    OWNED_WITH_OFFSET,
    OWNED_ON_DEVICE,
    OWNED_OF_OTHER_TYPE,
    OWNED_MISALIGNED,
    OWNED_NULL,
    OWNED_AND_FAILED,
};

static int backend, session, releases;
static float own_memory[1024];
static int64_t own_shape[2], own_strides[2];
static const void *seen_text, *seen_offsets;

static int32_t open_backend(const DtHost *host, DtStr config, DtBackend **out, DtError *err) {
    (void)config;
    if (DT_CALLS(host, DtHost, log)) {
        DtStr target = DT_STR("c_plugin"), message = DT_STR("opened");
        host->log(host->ctx, DT_LOG_INFO, target, message);
    }
    if (CASE == PANICKY_LOGGER) {
        DtStr panics = DT_STR("panicky_logger"), any = {0};
        host->log(host->ctx, DT_LOG_INFO, panics, panics);
        if (host->log_enabled(host->ctx, DT_LOG_INFO, panics) != 0) return DT_E_INTERNAL;
        if (host->log_enabled(host->ctx, DT_LOG_INFO, any) != 1) return DT_E_INTERNAL;
        if (host->log_enabled(host->ctx, DT_LOG_TRACE, any) != 0) return DT_E_INTERNAL;
    }
    if (CASE == OPEN_FAILS_SILENTLY) return DT_E_INVALID;
    if (CASE == UNKNOWN_STATUS) return 4242;
    if (CASE == LYING_ERROR_LENGTH) {
        memcpy(err->msg, "cut", 3);
        err->msg_len = 0xffffffffu;
        return DT_E_MODEL;
    }
    *out = CASE == OPEN_WITHOUT_HANDLE ? NULL : (DtBackend *)&backend;
    return DT_OK;
}

static void close_backend(DtBackend *handle) { (void)handle; }

static int32_t probe(DtBackend *handle, const DtSink *sink, DtError *err) {
    (void)handle, (void)err;
    /* A later level would have appended something. */
    struct { DtDeviceInfo known; uint64_t added; } later = {0};
    DtDeviceInfo device = {0};
    device.struct_size = CASE == UNDERSIZED_DEVICE ? offsetof(DtDeviceInfo, tier) : sizeof device;
    device.kind = 77;
    device.id = (DtStr)DT_STR("cpu");
    device.name = (DtStr)DT_STR("byte counter");
    device.precisions_native = DT_P_F32 | (1ull << 60);
    device.capabilities = DT_C_TEXT_IN | DT_C_POOLED_OUT | (1ull << 60);
    device.tier = 50;
    sink->device(sink->ctx, &device);
    later.known = device;
    later.known.struct_size = sizeof later;
    if (CASE == BUILT_FOR_NEWER_HOST) sink->device(sink->ctx, &later.known);
    DtFormat format = { sizeof format, 1, DT_STR("static"), DT_P_F32 };
    if (CASE == UNDERSIZED_FORMAT) format.struct_size = offsetof(DtFormat, precisions);
    sink->format(sink->ctx, &format);
    return DT_OK;
}

static int32_t session_create(DtBackend *handle, const DtModel *model, const DtSessionDesc *desc, const DtCall *call,
                              DtSession **out, DtError *err) {
    (void)handle, (void)model, (void)desc, (void)call, (void)err;
    *out = CASE == SESSION_WITHOUT_HANDLE ? NULL : (DtSession *)&session;
    return DT_OK;
}

static void session_destroy(DtSession *handle) { (void)handle; }

static int32_t session_info(DtSession *handle, DtSessionInfo *out, DtError *err) {
    (void)handle, (void)err;
    out->capabilities = DT_C_TEXT_IN | DT_C_POOLED_OUT;
    out->inputs = DT_IN_TEXT_BYTES | DT_IN_TEXT_OFFSETS;
    out->outputs = DT_OUT_SENTENCE_EMBEDDING;
    out->dim = 2;
    out->threads = 1;
    return DT_OK;
}

static const DtTensor *find(const char *name, const DtTensor *const *inputs, size_t n_inputs) {
    size_t len = strlen(name);
    for (size_t i = 0; i < n_inputs; i++)
        if (inputs[i]->name.len == len && memcmp(inputs[i]->name.ptr, name, len) == 0) return inputs[i];
    return NULL;
}

static int is_aligned(const void *data) { return (uintptr_t)data % 64 == 0; }

static int32_t output_shape(DtSession *handle, const DtTensor *const *inputs, size_t n_inputs, DtStr output,
                            int64_t *dims, int32_t *ndim, DtError *err) {
    (void)handle, (void)output, (void)err;
    const DtTensor *offsets = find("text_offsets", inputs, n_inputs), *text = find("text_bytes", inputs, n_inputs);
    if (offsets == NULL || text == NULL) return DT_E_INVALID;
    seen_offsets = offsets->t.data, seen_text = text->t.data;
    dims[0] = CASE == NEGATIVE_SHAPE ? -1 : offsets->t.shape[0] - 1;
    dims[1] = CASE == HUGE_SHAPE ? INT64_MAX : 2;
    *ndim = CASE == TOO_MANY_AXES ? 99 : 2;
    return DT_OK;
}

static void release(void *ctx) { *(int *)ctx += 1; }

/* Makes an output the plugin's own, each case in its own way. */
static void own(DtTensor *out, float *values) {
    out->t.data = values;
    out->flags |= DT_TENSOR_PLUGIN_OWNED;
    out->release = release;
    out->release_ctx = &releases;
    if (CASE != OWNED_IN_PLACE && CASE != OWNED_WITH_SHAPE_CHANGED_IN_PLACE) {
        own_shape[0] = CASE == OWNED_OF_WRONG_SHAPE ? 1000000 : out->t.shape[0];
        own_shape[1] = out->t.shape[1];
        out->t.shape = own_shape;
    }
    /* The shape is the host's own memory: the host must not compare it with itself. */
    if (CASE == OWNED_WITH_SHAPE_CHANGED_IN_PLACE) out->t.shape[0] = 1;
    if (CASE == OWNED_ROW_MAJOR || CASE == OWNED_COLUMN_MAJOR) {
        own_strides[0] = CASE == OWNED_ROW_MAJOR ? 2 : 1;
        own_strides[1] = CASE == OWNED_ROW_MAJOR ? 1 : out->t.shape[0];
        out->t.strides = own_strides;
    }
    if (CASE == OWNED_WITH_OFFSET) out->t.byte_offset = 8;
    if (CASE == OWNED_ON_DEVICE) out->t.device.device_type = 2; /* CUDA, as DLPack numbers it */
    if (CASE == OWNED_OF_OTHER_TYPE) out->t.dtype.bits = 64;
    if (CASE == OWNED_MISALIGNED) out->t.data = (char *)values + 1;
    if (CASE == OWNED_NULL) out->t.data = NULL;
    if (CASE == OWNED_AND_FAILED) out->t.data = (void *)64; /* nothing to be read */
}

static int32_t run(DtSession *handle, const DtTensor *const *inputs, size_t n_inputs, DtTensor *const *outputs,
                   size_t n_outputs, const DtCall *call, DtError *err) {
    (void)handle, (void)n_outputs, (void)call, (void)err;
    const DtTensor *offsets = find("text_offsets", inputs, n_inputs), *text = find("text_bytes", inputs, n_inputs);
    const int64_t *begin = offsets->t.data;
    if (!is_aligned(begin)) return DT_E_ABI;
    if (CASE == BORROWED_INPUTS) { /* Numbers are copied to where they are aligned, text never. */
        if (is_aligned(seen_text) || text->t.data != seen_text) return DT_E_ABI;
        if (is_aligned(seen_offsets) || begin == seen_offsets) return DT_E_ABI;
    }
    int64_t size = offsets->t.shape[0] - 1;
    DtTensor *out = outputs[0];
    if (CASE == RUN_FAILS_SILENTLY) return DT_E_BUSY;
    if (CASE == DEVICE_LOST) return DT_E_DEVICE_LOST;
    if (CASE == STOLEN_BUFFER) out->t.data = own_memory;
    if (CASE == SHAPE_CHANGED_IN_PLACE) out->t.shape[0] = 1;
    float *values = CASE >= OWNED_OUTPUT && CASE != OWNED_IN_PLACE ? own_memory : out->t.data;
    for (int64_t i = 0; i < size; i++) {
        values[2 * i] = (float)(begin[i + 1] - begin[i]);
        values[2 * i + 1] = (float)releases;
    }
    if (CASE >= OWNED_OUTPUT) own(out, values);
    return CASE == OWNED_AND_FAILED ? DT_E_MODEL : DT_OK;
}

static int32_t memory(DtSession *handle, DtMemory *out, DtError *err) {
    (void)handle, (void)err;
    out->host_private = (uint64_t)releases;
    return DT_OK;
}

const DtPlugin table = {
    CASE == TOO_SMALL        ? 40
    : CASE == SMALLEST_TABLE ? offsetof(DtPlugin, memory)
    : CASE == ABSURD_SIZE    ? 0x7fffffff
                             : sizeof(DtPlugin),
    CASE == BUILT_FOR_NEWER_HOST ? 99 : DT_ABI_LEVEL,
    CASE == NEEDS_NEWER_HOST ? 99 : 1,
    0,
    { CASE == OTHER_ID ? "somebody_else" : "c_plugin", CASE == OTHER_ID ? 13 : 8 },
    DT_STR("0.0.1"),
    DT_STR("tests"),
    DT_STR("MIT"),
    DT_STR("{}"),
    open_backend,
    close_backend,
    CASE == MISSING_FUNCTION ? NULL : probe,
    NULL,
    session_create,
    session_destroy,
    session_info,
    output_shape,
    run,
    memory,
    NULL,
};

#if CASE != 1
DT_EXPORT const DtPlugin *drivetrain_plugin_v1(const DtHost *host, DtError *err) {
    (void)host;
    if (CASE == NULL_TABLE) return NULL;
    if (CASE == NULL_TABLE_WITH_REASON) {
        err->code = DT_E_UNSUPPORTED;
        memcpy(err->msg, "not on a Tuesday\nwait a day", 27);
        err->msg_len = 27;
        return NULL;
    }
    return &table;
}
#endif
