//! Every number that has a meaning on both sides.

/// Level of this interface: raised by one with every appended field.
pub const DT_ABI_LEVEL: u32 = 1;

/// Success.
pub const DT_OK: i32 = 0;
/// The caller passed something that cannot be right.
pub const DT_E_INVALID: i32 = 1;
/// Well formed, but this backend, device or build cannot do it.
pub const DT_E_UNSUPPORTED: i32 = 2;
/// A file, device or name does not exist.
pub const DT_E_NOT_FOUND: i32 = 3;
/// Host or device memory ran out.
pub const DT_E_OOM: i32 = 4;
/// The device went away; only destroy may follow.
pub const DT_E_DEVICE_LOST: i32 = 5;
/// The caller asked to stop.
pub const DT_E_CANCELLED: i32 = 6;
/// The time allowed is over.
pub const DT_E_DEADLINE: i32 = 7;
/// In use; the same call may succeed later.
pub const DT_E_BUSY: i32 = 8;
/// The model's files are broken or contradict each other.
pub const DT_E_MODEL: i32 = 9;
/// The rules of this interface were broken.
pub const DT_E_ABI: i32 = 10;
/// A bug of the plugin or of its engine.
pub const DT_E_INTERNAL: i32 = 11;
/// The plugin panicked; the handle is poisoned and only destroy may follow.
pub const DT_E_PANIC: i32 = 12;
/// A native library is missing, too old, or not a library.
pub const DT_E_DEPENDENCY: i32 = 13;
/// Reading or writing a file failed.
pub const DT_E_IO: i32 = 14;

/// Log level: something failed.
pub const DT_LOG_ERROR: i32 = 1;
/// Log level: something is likely wrong.
pub const DT_LOG_WARN: i32 = 2;
/// Log level: worth knowing.
pub const DT_LOG_INFO: i32 = 3;
/// Log level: for who looks for a fault.
pub const DT_LOG_DEBUG: i32 = 4;
/// Log level: everything.
pub const DT_LOG_TRACE: i32 = 5;

/// Device kind: the host's processor.
pub const DT_DEV_CPU: i32 = 0;
/// Device kind: a graphics card with memory of its own.
pub const DT_DEV_GPU: i32 = 1;
/// Device kind: a graphics unit that shares the host's memory.
pub const DT_DEV_IGPU: i32 = 2;
/// Device kind: a neural processing unit.
pub const DT_DEV_NPU: i32 = 3;
/// Device kind: any other accelerator; also what an unknown number reads as.
pub const DT_DEV_ACCEL: i32 = 4;

/// Precision bit: 32-bit float.
pub const DT_P_F32: u64 = 1;
/// Precision bit: 16-bit float, 5 exponent bits.
pub const DT_P_F16: u64 = 2;
/// Precision bit: 16-bit float, 8 exponent bits.
pub const DT_P_BF16: u64 = 4;
/// Precision bit: signed 8-bit integer.
pub const DT_P_I8: u64 = 8;
/// Precision bit: unsigned 8-bit integer.
pub const DT_P_U8: u64 = 16;
/// Precision bit: signed 4-bit integer.
pub const DT_P_I4: u64 = 32;
/// Precision bit: 8-bit float.
pub const DT_P_F8: u64 = 64;

/// Capability bit: takes padded tokens, ids and mask `[batch, length]`.
pub const DT_C_PADDED_IN: u64 = 1;
/// Capability bit: takes packed tokens, ids `[tokens]` and offsets `[batch + 1]`.
pub const DT_C_PACKED_IN: u64 = 2;
/// Capability bit: the length may differ from run to run.
pub const DT_C_DYNAMIC_LENGTH: u64 = 4;
/// Capability bit: the batch size may differ from run to run.
pub const DT_C_DYNAMIC_BATCH: u64 = 8;
/// Capability bit: gives `sentence_embedding`.
pub const DT_C_POOLED_OUT: u64 = 16;
/// Capability bit: gives `last_hidden_state`.
pub const DT_C_TOKENS_OUT: u64 = 32;
/// Capability bit: reserved in this level, where calls on one session never overlap (rule 7).
pub const DT_C_CONCURRENT_RUN: u64 = 64;
/// Capability bit: a run can be stopped before it ends.
pub const DT_C_CANCEL_MID_RUN: u64 = 128;
/// Capability bit: survives `fork` without `exec`.
pub const DT_C_FORK_SAFE: u64 = 256;
/// Capability bit: several sessions may exist in one process.
pub const DT_C_MULTI_INSTANCE: u64 = 512;
/// Capability bit: obeys the thread budget.
pub const DT_C_HONOURS_THREADS: u64 = 1024;
/// Capability bit: the same input gives the same bits.
pub const DT_C_DETERMINISTIC: u64 = 2048;
/// Capability bit: takes UTF-8 text and tokenises it itself.
pub const DT_C_TEXT_IN: u64 = 4096;
/// Capability bit: gives `logits`.
pub const DT_C_LOGITS_OUT: u64 = 8192;
/// Capability bit: gives `vocab_scores`.
pub const DT_C_VOCABULARY_OUT: u64 = 16384;
/// Capability bit: a text's vector does not depend on its neighbours in the batch.
pub const DT_C_BATCH_INVARIANT: u64 = 32768;

/// Input bit: `input_ids`, `[batch, length]` padded or `[tokens]` packed, `i64` or `i32`.
pub const DT_IN_INPUT_IDS: u64 = 1;
/// Input bit: `attention_mask`, like the padded ids; 1 is a token, 0 is padding.
pub const DT_IN_ATTENTION_MASK: u64 = 2;
/// Input bit: `token_type_ids`, like the ids.
pub const DT_IN_TOKEN_TYPE_IDS: u64 = 4;
/// Input bit: `position_ids`, like the ids.
pub const DT_IN_POSITION_IDS: u64 = 8;
/// Input bit: `cu_seqlens`, `i32 [batch + 1]`, ascending from 0 to the number of tokens.
pub const DT_IN_CU_SEQLENS: u64 = 16;
/// Input bit: `text_bytes`, `u8 [bytes]`, UTF-8.
pub const DT_IN_TEXT_BYTES: u64 = 32;
/// Input bit: `text_offsets`, `i64 [batch + 1]`, ascending from 0 to the number of bytes.
pub const DT_IN_TEXT_OFFSETS: u64 = 64;

/// Output bit: `sentence_embedding`, `f32 [batch, dim]`, every module of the package applied.
pub const DT_OUT_SENTENCE_EMBEDDING: u64 = 1;
/// Output bit: `last_hidden_state`, `f32 [batch, length, hidden]`, or `[tokens, hidden]` for packed input.
pub const DT_OUT_LAST_HIDDEN_STATE: u64 = 2;
/// Output bit: `logits`, `f32 [batch, labels]`.
pub const DT_OUT_LOGITS: u64 = 4;
/// Output bit: `vocab_scores`, `f32 [batch, vocabulary]`.
pub const DT_OUT_VOCAB_SCORES: u64 = 8;

/// Width of ids and masks: 64-bit.
pub const DT_INDEX_I64: i32 = 0;
/// Width of ids and masks: 32-bit.
pub const DT_INDEX_I32: i32 = 1;

/// Verdict of an estimate: it cannot.
pub const DT_VERDICT_NO: i32 = 0;
/// Verdict of an estimate: only trying will tell.
pub const DT_VERDICT_MAYBE: i32 = 1;
/// Verdict of an estimate: it can.
pub const DT_VERDICT_YES: i32 = 2;

/// Basis of an estimate: a rule of thumb.
pub const DT_BASIS_GUESS: i32 = 0;
/// Basis of an estimate: a model of hardware and graph.
pub const DT_BASIS_MODELLED: i32 = 1;
/// Basis of an estimate: a measurement on this machine.
pub const DT_BASIS_MEASURED: i32 = 2;

/// Tensor flag: the other side must not write.
pub const DT_TENSOR_READ_ONLY: u32 = 1;
/// Tensor flag: the plugin put its own memory there; the host calls `release` exactly once.
pub const DT_TENSOR_PLUGIN_OWNED: u32 = 2;

/// DLPack device type: host memory.
pub const DL_CPU: i32 = 1;
/// DLPack type code: signed integer.
pub const DL_INT: u8 = 0;
/// DLPack type code: unsigned integer.
pub const DL_UINT: u8 = 1;
/// DLPack type code: float.
pub const DL_FLOAT: u8 = 2;

/// Most axes a tensor of this interface has; `output_shape` may write as many extents.
pub const DT_MAX_DIMS: usize = 8;
/// Bytes of text in a `DtError`.
pub const DT_ERROR_TEXT: usize = 1008;
/// Bytes of text in a `DtEstimate`.
pub const DT_REASON_TEXT: usize = 256;
