//! The header and the layout are what they were: changes may only append.

use std::{env, fs, path::Path};

use drivetrain_plugin_abi::*;

/// Compares with a checked-in file, or rewrites it when `DRIVETRAIN_BLESS` is set.
fn check_golden(rel: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(rel);
    if env::var_os("DRIVETRAIN_BLESS").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "`{rel}` is stale: run `DRIVETRAIN_BLESS=1 cargo test -p drivetrain-plugin-abi` and review the difference"
    );
}

#[test]
fn header_is_current() {
    let crate_dir = env!("CARGO_MANIFEST_DIR");
    let config = cbindgen::Config::from_file(Path::new(crate_dir).join("cbindgen.toml")).unwrap();
    let mut header = Vec::new();
    cbindgen::generate_with_config(crate_dir, config).unwrap().write(&mut header);
    check_golden("include/drivetrain_plugin.h", &String::from_utf8(header).unwrap());
}

macro_rules! layout {
    ($text:ident, $type:ident { $($field:ident),* $(,)? }) => {
        $text.push_str(&format!("{} align {}\n", stringify!($type), align_of::<$type>()));
        $($text.push_str(&format!(
            "  {:<22} offset {:>4} size {:>4}\n",
            stringify!($field),
            std::mem::offset_of!($type, $field),
            field_size(|value: &$type| size_of_val(&value.$field)),
        ));)*
    };
}

/// Size of a field, without a value of the struct: the closure is only asked for a type's size.
fn field_size<T>(size: impl Fn(&T) -> usize) -> usize {
    let zeroed = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: every struct of the interface is plain data (integers, pointers, optional functions), for which zeros
    // are a valid value.
    size(unsafe { zeroed.assume_init_ref() })
}

/// A change to the golden file may only add lines at the end of a struct.
#[test]
#[cfg(target_pointer_width = "64")]
fn layout_is_unchanged() {
    let mut text = String::new();
    data_layout(&mut text);
    table_layout(&mut text);
    level_1_sizes(&mut text);
    check_golden("tests/layout.txt", &text);
}

#[cfg(target_pointer_width = "64")]
fn data_layout(text: &mut String) {
    layout!(text, DtStr { ptr, len });
    layout!(text, DtBytes { ptr, len });
    layout!(text, DtError { struct_size, code, native_code, msg_len, msg });
    layout!(text, DLTensor { data, device, ndim, dtype, shape, strides, byte_offset });
    layout!(text, DtTensor { struct_size, flags, name, t, capacity, release_ctx, release });
    layout!(text, DtHost { struct_size, abi_level, ctx, log, log_enabled });
    layout!(text, DtCall { struct_size, reserved, ctx, is_cancelled, progress, timeout_ns });
    layout!(
        text,
        DtDeviceInfo {
            struct_size,
            kind,
            id,
            name,
            fingerprint,
            memory_total,
            memory_free,
            precisions_native,
            precisions_emulated,
            capabilities,
            tier,
            reserved,
            reason,
        }
    );
    layout!(text, DtFormat { struct_size, preference, format, precisions });
    layout!(text, DtSink { struct_size, reserved, ctx, device, format, engine_version });
    layout!(text, DtArtifact { struct_size, reserved, format, path, data, precision });
    layout!(text, DtModel { struct_size, n_artifacts, artifacts, description_json });
    layout!(
        text,
        DtSessionDesc {
            struct_size,
            threads,
            device_id,
            precision,
            config_json,
            cache_dir,
            max_batch,
            max_tokens,
            memory_limit,
            cpu_list,
            n_cpu,
            may_spin,
            reserved,
            group_sessions,
            group_threads,
        }
    );
    layout!(
        text,
        DtSessionInfo {
            struct_size,
            index_type,
            capabilities,
            inputs,
            outputs,
            precision,
            dim,
            hidden,
            labels,
            vocabulary,
            max_tokens,
            threads,
            batch_tokens,
        }
    );
    layout!(
        text,
        DtEstimate {
            struct_size,
            verdict,
            basis,
            artifact_index,
            fixed_ns,
            ns_per_token,
            load_ns,
            host_bytes,
            device_bytes,
            reason_len,
            reserved,
            reason,
        }
    );
    layout!(text, DtMemory { struct_size, reserved, host_private, host_mapped, device, peak_activation });
}

#[cfg(target_pointer_width = "64")]
fn table_layout(text: &mut String) {
    layout!(
        text,
        DtPlugin {
            struct_size,
            abi_level,
            min_host_level,
            reserved,
            id,
            version,
            vendor,
            license,
            config_schema_json,
            open,
            close,
            probe,
            estimate,
            session_create,
            session_destroy,
            session_info,
            output_shape,
            run,
            memory,
            trim,
        }
    );
}

/// These never change: what level 1 requires is required for ever.
#[cfg(target_pointer_width = "64")]
fn level_1_sizes(text: &mut String) {
    fn line<T: SizedStruct>() -> String {
        format!("  {:<22} size {:>4}\n", T::NAME, T::V1_SIZE)
    }
    text.push_str("level 1\n");
    text.extend([line::<DtError>(), line::<DtTensor>(), line::<DtHost>(), line::<DtCall>()]);
    text.extend([line::<DtDeviceInfo>(), line::<DtFormat>(), line::<DtSink>(), line::<DtArtifact>()]);
    text.extend([line::<DtModel>(), line::<DtSessionDesc>(), line::<DtSessionInfo>(), line::<DtEstimate>()]);
    text.extend([line::<DtMemory>(), line::<DtPlugin>()]);
}
