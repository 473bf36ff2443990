//! What the engine is told about one compilation.

use drivetrain_contract::{Error, Precision, Result};

use crate::{error, native::Core, options::Settings};

/// Key and value pairs in the engine's words.
pub(crate) type Properties = Vec<(String, String)>;

/// A property that follows from the settings.
struct Property {
    key: &'static str,
    value: String,
    /// Whether a device that does not know it is an error: the user asked for it.
    is_wish: bool,
}

/// The properties of a session in `precision` on `device`, as far as the device knows them.
///
/// # Errors
/// `Unsupported` for a wish that the device does not know.
pub(crate) fn properties(core: &Core, device: &str, settings: &Settings, precision: Precision) -> Result<Properties> {
    let supported = core.property(device, "SUPPORTED_PROPERTIES").map_err(error::ask)?;
    select(device, &supported, settings, precision)
}

fn select(device: &str, supported: &str, settings: &Settings, precision: Precision) -> Result<Properties> {
    let knows = |key: &str| supported.split_whitespace().any(|known| known == key);
    let computed_in = if precision == Precision::Int8 { settings.int8_rest } else { precision };
    // Left to itself, the engine computes in bf16 where the processor can: so this is always said.
    let mut properties = vec![("INFERENCE_PRECISION_HINT".to_owned(), computed_in.name().to_owned())];
    for Property { key, value, is_wish } in of(settings) {
        if knows(key) {
            properties.push((key.to_owned(), value));
        } else if is_wish {
            return Err(Error::unsupported(format!("device `{device}` has no property `{key}`"))
                .with_hint("leave the setting out"));
        }
    }
    properties.extend(settings.properties.clone());
    Ok(properties)
}

fn of(settings: &Settings) -> Vec<Property> {
    let decided = |key, value| Property { key, value, is_wish: false };
    let mut properties = vec![
        decided("NUM_STREAMS", settings.num_streams.to_string()),
        decided("INFERENCE_NUM_THREADS", settings.num_threads.to_string()),
        decided("ENABLE_CPU_PINNING", if settings.cpu_pinning { "YES" } else { "NO" }.to_owned()),
    ];
    let wish = |key, value| Property { key, value, is_wish: true };
    properties.extend(settings.performance_hint.map(|hint| wish("PERFORMANCE_HINT", hint.value().to_owned())));
    let group_size = settings.dynamic_quantization_group_size;
    properties.extend(group_size.map(|size| wish("DYNAMIC_QUANTIZATION_GROUP_SIZE", size.to_string())));
    properties
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use drivetrain_contract::SessionOptions;

    use super::*;
    use crate::options::{Config, RESERVED};

    fn check(supported: &str, json: &str, precision: Precision) -> Result<String> {
        let session = SessionOptions::new("cpu", NonZeroUsize::new(3).unwrap());
        let settings = Settings::new(&Config::parse(json)?, &session)?;
        let properties = select("CPU", supported, &settings, precision)?;
        Ok(properties.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn precision_is_always_said_and_the_rest_where_it_is_known() {
        let cpu = "NUM_STREAMS INFERENCE_NUM_THREADS ENABLE_CPU_PINNING PERFORMANCE_HINT";
        assert_eq!(
            check(cpu, "{}", Precision::F32).unwrap(),
            "INFERENCE_PRECISION_HINT=f32 NUM_STREAMS=1 INFERENCE_NUM_THREADS=3 ENABLE_CPU_PINNING=NO"
        );
        assert_eq!(check("", "{}", Precision::Bf16).unwrap(), "INFERENCE_PRECISION_HINT=bf16");
        assert_eq!(check("", r#"{"int8_rest":"f16"}"#, Precision::Int8).unwrap(), "INFERENCE_PRECISION_HINT=f16");
        let wished = check(cpu, r#"{"performance_hint":"latency","properties":{"A":"b"}}"#, Precision::F32).unwrap();
        assert!(wished.ends_with("PERFORMANCE_HINT=LATENCY A=b"), "{wished}");
        let err = check(cpu, r#"{"dynamic_quantization_group_size":32}"#, Precision::F32).unwrap_err();
        assert!(err.message().contains("DYNAMIC_QUANTIZATION_GROUP_SIZE"), "{err}");
    }

    #[test]
    fn every_property_that_is_set_here_is_reserved() {
        let json = r#"{"performance_hint":"latency","dynamic_quantization_group_size":0}"#;
        let settings =
            Settings::new(&Config::parse(json).unwrap(), &SessionOptions::new("cpu", NonZeroUsize::MIN)).unwrap();
        for property in of(&settings) {
            assert!(RESERVED.iter().any(|(key, _)| *key == property.key), "{}", property.key);
        }
    }
}
