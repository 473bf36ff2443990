//! Writes a package's transformer as an ONNX file: `cargo run --example export -- PACKAGE TARGET [MAX_FILE_BYTES]`.

use std::{env, path::Path};

use drivetrain_contract::{Error, Result};
use drivetrain_convert::onnx::{ExportOptions, export};
use drivetrain_package::Package;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [package, target, limit @ ..] = &*arguments else {
        return Err(Error::invalid("expected a package folder and the file to write"));
    };
    let mut options = ExportOptions::default();
    if let Some(limit) = limit.first() {
        let wrong = |err| Error::invalid(format!("`{limit}` is not a number of bytes")).with_source(err);
        options.max_file_bytes = limit.parse().map_err(wrong)?;
    }
    let package = Package::open(Path::new(package))?;
    let report = export(&package, Path::new(target), &options, &mut |_| Ok(()))?;
    #[expect(clippy::print_stdout, reason = "an example talks to its user")]
    {
        println!("{report:#?}");
    }
    Ok(())
}
