/* drivetrain_plugin.h -- the C interface between Drivetrain and a plugin. C11 / C++17.
 *
 * Generated from the crate drivetrain-plugin-abi. Do not edit: change the crate, then run
 *     DRIVETRAIN_BLESS=1 cargo test -p drivetrain-plugin-abi
 *
 * A plugin exports one symbol:
 *
 *     DT_EXPORT const DtPlugin *drivetrain_plugin_v1(const DtHost *host, DtError *err);
 *
 * Rules: see the crate's documentation or docs/plugins.md.
 */

#ifndef DRIVETRAIN_PLUGIN_H
#define DRIVETRAIN_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
/* Whether a field lies inside the struct the other side allocated. Nothing else may be read. */
#define DT_HAS(p, T, f) ((p)->struct_size >= offsetof(T, f) + sizeof(((T *)0)->f))
/* Whether an optional function is there. */
#define DT_CALLS(p, T, f) (DT_HAS(p, T, f) && (p)->f != NULL)
/* A DtStr of a string literal. */
#define DT_STR(literal) { (literal), sizeof(literal) - 1 }

#if defined(_WIN32)
#define DT_EXPORT __declspec(dllexport)
#else
#define DT_EXPORT __attribute__((visibility("default")))
#endif


// Level of this interface: raised by one with every appended field.
#define DT_ABI_LEVEL 1

// Success.
#define DT_OK 0

// The caller passed something that cannot be right.
#define DT_E_INVALID 1

// Well formed, but this backend, device or build cannot do it.
#define DT_E_UNSUPPORTED 2

// A file, device or name does not exist.
#define DT_E_NOT_FOUND 3

// Host or device memory ran out.
#define DT_E_OOM 4

// The device went away; only destroy may follow.
#define DT_E_DEVICE_LOST 5

// The caller asked to stop.
#define DT_E_CANCELLED 6

// The time allowed is over.
#define DT_E_DEADLINE 7

// In use; the same call may succeed later.
#define DT_E_BUSY 8

// The model's files are broken or contradict each other.
#define DT_E_MODEL 9

// The rules of this interface were broken.
#define DT_E_ABI 10

// A bug of the plugin or of its engine.
#define DT_E_INTERNAL 11

// The plugin panicked; the handle is poisoned and only destroy may follow.
#define DT_E_PANIC 12

// A native library is missing, too old, or not a library.
#define DT_E_DEPENDENCY 13

// Reading or writing a file failed.
#define DT_E_IO 14

// Log level: something failed.
#define DT_LOG_ERROR 1

// Log level: something is likely wrong.
#define DT_LOG_WARN 2

// Log level: worth knowing.
#define DT_LOG_INFO 3

// Log level: for who looks for a fault.
#define DT_LOG_DEBUG 4

// Log level: everything.
#define DT_LOG_TRACE 5

// Device kind: the host's processor.
#define DT_DEV_CPU 0

// Device kind: a graphics card with memory of its own.
#define DT_DEV_GPU 1

// Device kind: a graphics unit that shares the host's memory.
#define DT_DEV_IGPU 2

// Device kind: a neural processing unit.
#define DT_DEV_NPU 3

// Device kind: any other accelerator; also what an unknown number reads as.
#define DT_DEV_ACCEL 4

// Precision bit: 32-bit float.
#define DT_P_F32 1

// Precision bit: 16-bit float, 5 exponent bits.
#define DT_P_F16 2

// Precision bit: 16-bit float, 8 exponent bits.
#define DT_P_BF16 4

// Precision bit: signed 8-bit integer.
#define DT_P_I8 8

// Precision bit: unsigned 8-bit integer.
#define DT_P_U8 16

// Precision bit: signed 4-bit integer.
#define DT_P_I4 32

// Precision bit: 8-bit float.
#define DT_P_F8 64

// Capability bit: takes padded tokens, ids and mask `[batch, length]`.
#define DT_C_PADDED_IN 1

// Capability bit: takes packed tokens, ids `[tokens]` and offsets `[batch + 1]`.
#define DT_C_PACKED_IN 2

// Capability bit: the length may differ from run to run.
#define DT_C_DYNAMIC_LENGTH 4

// Capability bit: the batch size may differ from run to run.
#define DT_C_DYNAMIC_BATCH 8

// Capability bit: gives `sentence_embedding`.
#define DT_C_POOLED_OUT 16

// Capability bit: gives `last_hidden_state`.
#define DT_C_TOKENS_OUT 32

// Capability bit: reserved in this level, where calls on one session never overlap (rule 7).
#define DT_C_CONCURRENT_RUN 64

// Capability bit: a run can be stopped before it ends.
#define DT_C_CANCEL_MID_RUN 128

// Capability bit: survives `fork` without `exec`.
#define DT_C_FORK_SAFE 256

// Capability bit: several sessions may exist in one process.
#define DT_C_MULTI_INSTANCE 512

// Capability bit: obeys the thread budget.
#define DT_C_HONOURS_THREADS 1024

// Capability bit: the same input gives the same bits.
#define DT_C_DETERMINISTIC 2048

// Capability bit: takes UTF-8 text and tokenises it itself.
#define DT_C_TEXT_IN 4096

// Capability bit: gives `logits`.
#define DT_C_LOGITS_OUT 8192

// Capability bit: gives `vocab_scores`.
#define DT_C_VOCABULARY_OUT 16384

// Capability bit: a text's vector does not depend on its neighbours in the batch.
#define DT_C_BATCH_INVARIANT 32768

// Input bit: `input_ids`, `[batch, length]` padded or `[tokens]` packed, `i64` or `i32`.
#define DT_IN_INPUT_IDS 1

// Input bit: `attention_mask`, like the padded ids; 1 is a token, 0 is padding.
#define DT_IN_ATTENTION_MASK 2

// Input bit: `token_type_ids`, like the ids.
#define DT_IN_TOKEN_TYPE_IDS 4

// Input bit: `position_ids`, like the ids.
#define DT_IN_POSITION_IDS 8

// Input bit: `cu_seqlens`, `i32 [batch + 1]`, ascending from 0 to the number of tokens.
#define DT_IN_CU_SEQLENS 16

// Input bit: `text_bytes`, `u8 [bytes]`, UTF-8.
#define DT_IN_TEXT_BYTES 32

// Input bit: `text_offsets`, `i64 [batch + 1]`, ascending from 0 to the number of bytes.
#define DT_IN_TEXT_OFFSETS 64

// Output bit: `sentence_embedding`, `f32 [batch, dim]`, every module of the package applied.
#define DT_OUT_SENTENCE_EMBEDDING 1

// Output bit: `last_hidden_state`, `f32 [batch, length, hidden]`, or `[tokens, hidden]` for packed input.
#define DT_OUT_LAST_HIDDEN_STATE 2

// Output bit: `logits`, `f32 [batch, labels]`.
#define DT_OUT_LOGITS 4

// Output bit: `vocab_scores`, `f32 [batch, vocabulary]`.
#define DT_OUT_VOCAB_SCORES 8

// Width of ids and masks: 64-bit.
#define DT_INDEX_I64 0

// Width of ids and masks: 32-bit.
#define DT_INDEX_I32 1

// Verdict of an estimate: it cannot.
#define DT_VERDICT_NO 0

// Verdict of an estimate: only trying will tell.
#define DT_VERDICT_MAYBE 1

// Verdict of an estimate: it can.
#define DT_VERDICT_YES 2

// Basis of an estimate: a rule of thumb.
#define DT_BASIS_GUESS 0

// Basis of an estimate: a model of hardware and graph.
#define DT_BASIS_MODELLED 1

// Basis of an estimate: a measurement on this machine.
#define DT_BASIS_MEASURED 2

// Tensor flag: the other side must not write.
#define DT_TENSOR_READ_ONLY 1

// Tensor flag: the plugin put its own memory there; the host calls `release` exactly once.
#define DT_TENSOR_PLUGIN_OWNED 2

// DLPack device type: host memory.
#define DL_CPU 1

// DLPack type code: signed integer.
#define DL_INT 0

// DLPack type code: unsigned integer.
#define DL_UINT 1

// DLPack type code: float.
#define DL_FLOAT 2

// Most axes a tensor of this interface has; `output_shape` may write as many extents.
#define DT_MAX_DIMS 8

// Bytes of text in a `DtError`.
#define DT_ERROR_TEXT 1008

// Bytes of text in a `DtEstimate`.
#define DT_REASON_TEXT 256

// An opened backend, owned by the plugin. Opaque: not `repr(C)`, so the header only declares it.
typedef struct DtBackend DtBackend;

// A loaded model, owned by the plugin.
typedef struct DtSession DtSession;

// UTF-8 with a length; not terminated. `ptr` may be null when `len` is 0.
typedef struct DtStr {
  // First byte.
  const char *ptr;
  // Number of bytes.
  size_t len;
} DtStr;

// Services of the host. The table outlives the plugin; every function may be called from any thread.
typedef struct DtHost {
  // Size of this struct.
  uint32_t struct_size;
  // `DT_ABI_LEVEL` of the host.
  uint32_t abi_level;
  // Passed to every function.
  void *ctx;
  // Takes a log record; never blocks.
  void (*log)(void *ctx, int32_t level, struct DtStr target, struct DtStr msg);
  // Whether records of this level and target are wanted: 1 or 0. An empty target asks whether any could be.
  int32_t (*log_enabled)(void *ctx, int32_t level, struct DtStr target);
} DtHost;

// Where a failing call writes why. Owned by the caller, so there is nothing to free.
typedef struct DtError {
  // Size of this struct.
  uint32_t struct_size;
  // The status that is also returned.
  int32_t code;
  // The engine's own number, 0 if it has none.
  uint32_t native_code;
  // Bytes of `msg` in use.
  uint32_t msg_len;
  // UTF-8: the message; after the first line break, a hint that names the way out.
  char msg[DT_ERROR_TEXT];
} DtError;

// Bytes with a length. A null `ptr` means "not given".
typedef struct DtBytes {
  // First byte.
  const uint8_t *ptr;
  // Number of bytes.
  size_t len;
} DtBytes;

// One device a backend could run on.
typedef struct DtDeviceInfo {
  // Size of this struct.
  uint32_t struct_size;
  // `DT_DEV_*`.
  int32_t kind;
  // The backend's own name for it: `cpu`, `cuda:0`.
  struct DtStr id;
  // What a person calls it.
  struct DtStr name;
  // Equal bytes mean the same physical device, across plugins (PCI address, UUID).
  struct DtBytes fingerprint;
  // Total memory in bytes; 0 is unknown.
  uint64_t memory_total;
  // Free memory in bytes; 0 is unknown.
  uint64_t memory_free;
  // `DT_P_*` the hardware computes in.
  uint64_t precisions_native;
  // `DT_P_*` that work but are computed in another precision.
  uint64_t precisions_emulated;
  // `DT_C_*`.
  uint64_t capabilities;
  // 0 cannot, 1 servable, 50 capable, 100 preferred.
  int32_t tier;
  // 0.
  int32_t reserved;
  // Why the tier is 0 or 1, shown to the user.
  struct DtStr reason;
} DtDeviceInfo;

// One artifact format a backend reads.
typedef struct DtFormat {
  // Size of this struct.
  uint32_t struct_size;
  // Higher is better.
  int32_t preference;
  // `onnx`, `openvino-ir`, `torchscript`, `safetensors`, `static`, or a name of the plugin's own.
  struct DtStr format;
  // `DT_P_*` of weights it accepts in this format.
  uint64_t precisions;
} DtFormat;

// Takes what a probe finds. Only the thread that called `probe` may call the functions, and only until it returns.
// Pointers given to them need to be valid for that call only.
typedef struct DtSink {
  // Size of this struct.
  uint32_t struct_size;
  // 0.
  uint32_t reserved;
  // Passed to every function.
  void *ctx;
  // Takes a device, best first.
  void (*device)(void *ctx, const struct DtDeviceInfo *device);
  // Takes a format, best first.
  void (*format)(void *ctx, const struct DtFormat *format);
  // Takes the version of the engine behind the adapter.
  void (*engine_version)(void *ctx, struct DtStr version);
} DtSink;

// One file of a model: a path, or bytes in memory when `data.ptr` is not null.
typedef struct DtArtifact {
  // Size of this struct.
  uint32_t struct_size;
  // 0.
  uint32_t reserved;
  // `onnx`, `static`, `tokenizer`, …
  struct DtStr format;
  // Absolute path; empty for bytes in memory.
  struct DtStr path;
  // Bytes that stay where they are, unchanged, for the life of the process.
  struct DtBytes data;
  // One bit of `DT_P_*`: precision of the weights inside.
  uint64_t precision;
} DtArtifact;

// A model: its artifacts and what they compute.
typedef struct DtModel {
  // Size of this struct.
  uint32_t struct_size;
  // Number of artifacts.
  uint32_t n_artifacts;
  // Pointers, so that the element may grow.
  const struct DtArtifact *const *artifacts;
  // `{"config": …, "modules": […], "max_seq_length": n}`.
  struct DtStr description_json;
} DtModel;

// How a session is to be created.
typedef struct DtSessionDesc {
  // Size of this struct.
  uint32_t struct_size;
  // Threads to compute with, the calling one included; at least 1.
  uint32_t threads;
  // Id of one of the devices the probe reported.
  struct DtStr device_id;
  // One bit of `DT_P_*`: precision to compute in.
  uint64_t precision;
  // JSON object of settings that differ from those given to `open`; empty is none.
  struct DtStr config_json;
  // Folder for compiled models; empty is none.
  struct DtStr cache_dir;
  // Largest batch that will come; 0 is unknown.
  uint32_t max_batch;
  // Longest text in tokens that will come; 0 is unknown.
  uint32_t max_tokens;
  // Memory the session may take, in bytes; 0 is unlimited.
  uint64_t memory_limit;
  // Processors the session's own threads should keep to.
  const uint32_t *cpu_list;
  // Number of processors in `cpu_list`; 0 is no wish.
  size_t n_cpu;
  // Whether idle threads may spin: 1 or 0.
  uint32_t may_spin;
  // 0.
  uint32_t reserved;
  // Sessions of this model that will run side by side, this one included; 0 and 1 are this one alone.
  uint32_t group_sessions;
  // Threads of all those sessions together; 0 is unknown.
  uint32_t group_threads;
} DtSessionDesc;

// What running a model would cost. Zero means unknown.
typedef struct DtEstimate {
  // Size of this struct.
  uint32_t struct_size;
  // `DT_VERDICT_*`.
  int32_t verdict;
  // `DT_BASIS_*`.
  int32_t basis;
  // Index of the artifact it would use.
  uint32_t artifact_index;
  // Cost of one run in nanoseconds, whatever its size.
  double fixed_ns;
  // Cost of one token in nanoseconds.
  double ns_per_token;
  // Time to create the session in nanoseconds.
  uint64_t load_ns;
  // Host memory after loading, in bytes.
  uint64_t host_bytes;
  // Device memory after loading, in bytes.
  uint64_t device_bytes;
  // Bytes of `reason` in use.
  uint32_t reason_len;
  // 0.
  uint32_t reserved;
  // UTF-8: why the verdict is what it is.
  char reason[DT_REASON_TEXT];
} DtEstimate;

// The context of one call. While the call lasts, any thread may ask its functions.
typedef struct DtCall {
  // Size of this struct.
  uint32_t struct_size;
  // 0.
  uint32_t reserved;
  // Passed to every function.
  void *ctx;
  // Whether the caller no longer wants the result: 1 or 0.
  int32_t (*is_cancelled)(void *ctx);
  // Takes note of progress.
  void (*progress)(void *ctx, uint32_t permille, struct DtStr phase);
  // Time left when the call begins, in nanoseconds; 0 is unlimited.
  uint64_t timeout_ns;
} DtCall;

// What a session takes and gives. Zero means unknown or unlimited.
typedef struct DtSessionInfo {
  // Size of this struct.
  uint32_t struct_size;
  // `DT_INDEX_*`: width of ids and masks it wants.
  int32_t index_type;
  // `DT_C_*`.
  uint64_t capabilities;
  // `DT_IN_*` it wants.
  uint64_t inputs;
  // `DT_OUT_*` it can give.
  uint64_t outputs;
  // One bit of `DT_P_*`: precision it computes in.
  uint64_t precision;
  // Extent of `sentence_embedding`.
  uint32_t dim;
  // Extent of `last_hidden_state`.
  uint32_t hidden;
  // Extent of `logits`.
  uint32_t labels;
  // Extent of `vocab_scores`.
  uint32_t vocabulary;
  // Longest text in tokens.
  uint32_t max_tokens;
  // Threads it computes with, the caller included.
  uint32_t threads;
  // Tokens in a batch, padding included, at which it is fastest.
  uint32_t batch_tokens;
} DtSessionInfo;

// A device as DLPack numbers it.
typedef struct DLDevice {
  // `DL_CPU` in this level of the interface.
  int32_t device_type;
  // Number among the devices of that type.
  int32_t device_id;
} DLDevice;

// An element type as DLPack spells it.
typedef struct DLDataType {
  // `DL_INT`, `DL_UINT` or `DL_FLOAT`.
  uint8_t code;
  // Bits of one element.
  uint8_t bits;
  // 1.
  uint16_t lanes;
} DLDataType;

// A tensor as DLPack 1.x lays it out.
typedef struct DLTensor {
  // First element, aligned at least as its type wants. In `run`, inputs of numbers are 64-byte aligned; `text_bytes`
  // begin anywhere.
  void *data;
  // Where the data is.
  struct DLDevice device;
  // Number of axes.
  int32_t ndim;
  // Element type.
  struct DLDataType dtype;
  // Extent of each axis.
  int64_t *shape;
  // Null in what the host hands over: row-major. A plugin may put the strides of row-major order here.
  int64_t *strides;
  // 0.
  uint64_t byte_offset;
} DLTensor;

// A named tensor of one call. Inputs are borrowed for the call and must not be written.
//
// An output comes with host memory of `capacity` bytes and the shape that `output_shape` announced. The plugin either
// fills it, or replaces `t.data` by memory of its own, sets `DT_TENSOR_PLUGIN_OWNED` and `release`, and the host
// copies from there if the call succeeded, and calls `release` exactly once in any case. Either way shape, type,
// device and row-major order are those announced.
typedef struct DtTensor {
  // Size of this struct.
  uint32_t struct_size;
  // `DT_TENSOR_*`.
  uint32_t flags;
  // Which tensor this is, one of the names in the comments on `DT_IN_*` and `DT_OUT_*`.
  struct DtStr name;
  // Data, type and shape.
  struct DLTensor t;
  // Bytes of host memory at `t.data` (outputs).
  uint64_t capacity;
  // Passed to `release`.
  void *release_ctx;
  // Frees a plugin-owned output.
  void (*release)(void *release_ctx);
} DtTensor;

// Memory of one session in bytes. Zero means unknown.
typedef struct DtMemory {
  // Size of this struct.
  uint32_t struct_size;
  // 0.
  uint32_t reserved;
  // Host memory of its own.
  uint64_t host_private;
  // Host memory mapped from files.
  uint64_t host_mapped;
  // Device memory.
  uint64_t device;
  // Highest memory for activations so far.
  uint64_t peak_activation;
} DtMemory;

// The plugin's functions, in static storage.
typedef struct DtPlugin {
  // Size of this struct.
  uint32_t struct_size;
  // `DT_ABI_LEVEL` the plugin was built with.
  uint32_t abi_level;
  // Lowest level of a host it can work with.
  uint32_t min_host_level;
  // 0.
  uint32_t reserved;
  // Short, stable name, equal to `id` in plugin.toml.
  struct DtStr id;
  // Version of the adapter.
  struct DtStr version;
  // Who made it.
  struct DtStr vendor;
  // SPDX expression.
  struct DtStr license;
  // JSON Schema of `[backends.<id>]`.
  struct DtStr config_schema_json;
  // Opens the engine; `config_json` is the user's table `[backends.<id>]` with resolved library paths.
  int32_t (*open)(const struct DtHost *host,
                  struct DtStr config_json,
                  struct DtBackend **out,
                  struct DtError *err);
  // Closes it and joins every thread the plugin started; no session may be left.
  void (*close)(struct DtBackend *backend);
  // Reports devices and formats; idempotent, under two seconds, builds no engine.
  int32_t (*probe)(struct DtBackend *backend, const struct DtSink *sink, struct DtError *err);
  // Guesses what a model would cost. Optional.
  int32_t (*estimate)(struct DtBackend *backend,
                      const struct DtModel *model,
                      const struct DtSessionDesc *desc,
                      struct DtEstimate *out,
                      struct DtError *err);
  // Loads a model onto a device. `out` counts only if the status is 0.
  int32_t (*session_create)(struct DtBackend *backend,
                            const struct DtModel *model,
                            const struct DtSessionDesc *desc,
                            const struct DtCall *call,
                            struct DtSession **out,
                            struct DtError *err);
  // Frees a session.
  void (*session_destroy)(struct DtSession *session);
  // Says what a session takes and gives.
  int32_t (*session_info)(struct DtSession *session, struct DtSessionInfo *out, struct DtError *err);
  // Announces the shape of an output: writes at most `DT_MAX_DIMS` extents to `dims` and their number to `ndim`.
  // The inputs are those `run` will get, but not yet 64-byte aligned.
  int32_t (*output_shape)(struct DtSession *session,
                          const struct DtTensor *const *inputs,
                          size_t n_inputs,
                          struct DtStr output,
                          int64_t *dims,
                          int32_t *ndim,
                          struct DtError *err);
  // Computes outputs from inputs.
  int32_t (*run)(struct DtSession *session,
                 const struct DtTensor *const *inputs,
                 size_t n_inputs,
                 struct DtTensor *const *outputs,
                 size_t n_outputs,
                 const struct DtCall *call,
                 struct DtError *err);
  // Reports memory in use. Optional.
  int32_t (*memory)(struct DtSession *session, struct DtMemory *out, struct DtError *err);
  // Gives back what memory it can. Optional.
  int32_t (*trim)(struct DtSession *session, struct DtError *err);
} DtPlugin;

// Returns the plugin's static table, or null after writing why to `err`. `host` outlives the plugin.
typedef const struct DtPlugin *(*DtEntryV1)(const struct DtHost *host, struct DtError *err);

#endif  /* DRIVETRAIN_PLUGIN_H */
