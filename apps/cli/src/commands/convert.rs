//! `drivetrain convert`: one artifact made from another.

use std::path::{Path, PathBuf};

use drivetrain::{
    Engine, Error, ErrorKind, Fetch, Locations, Result,
    contract::Call,
    convert::{
        distill::{DistillOptions, TableType, distill},
        onnx::{self, ExportOptions, ExportReport, Form, Progress},
        openvino_ir::{self, IrOptions},
    },
    fetch_package,
    package::Package,
};
use indicatif::ProgressBar;

use crate::{
    args::{ConvertArgs, ConvertTarget},
    commands::{embed::announce, profile},
    exit::{Blame, CommandError},
    interrupt::{self, Interruptible},
    progress,
};

pub(crate) fn run(args: &ConvertArgs, quiet: bool) -> anyhow::Result<()> {
    match args.to {
        ConvertTarget::Onnx => to_graph(args, quiet, "onnx/model.onnx", &|package, target, progress| {
            onnx::export(package, target, &ExportOptions::default(), progress)
        }),
        ConvertTarget::Openvino => to_graph(args, quiet, "openvino/openvino_model.xml", &to_ir(Form::F32)),
        ConvertTarget::OpenvinoFp16 => to_graph(args, quiet, "openvino/openvino_model_fp16.xml", &to_ir(Form::F16)),
        ConvertTarget::Static => to_static(args, quiet),
    }
}

/// Writes the graph of a package to a file.
type WriteGraph = dyn Fn(&Package, &Path, &mut dyn FnMut(Progress<'_>) -> Result<()>) -> Result<ExportReport>;

/// Writes OpenVINO IR with its weights in this form.
fn to_ir(form: Form) -> Box<WriteGraph> {
    let options = IrOptions { form };
    Box::new(move |package, target, progress| openvino_ir::export(package, target, &options, progress))
}

/// Writes a graph of the package, where nothing else is said to `file` in its folder.
fn to_graph(args: &ConvertArgs, quiet: bool, file: &str, write: &WriteGraph) -> anyhow::Result<()> {
    let locations = Locations::from_environment()?;
    let fetch = Fetch { locations: &locations, hub: None, call: &Interruptible };
    let package = fetch_package(&args.source, &fetch, &mut announce(quiet))?;
    let target = match (&args.output, package.files().dir()) {
        (Some(path), _) => path.clone(),
        (None, Some(folder)) => folder.join(file),
        (None, None) => return Err(needs_output("a file")),
    };
    let bar = progress::bytes(0, quiet);
    let report = write(&package, &target, &mut |progress| {
        if interrupt::asked() {
            return Err(Error::new(ErrorKind::Cancelled, "interrupted; nothing was written"));
        }
        bar.set_length(progress.total_bytes);
        bar.set_position(progress.written_bytes);
        Ok(())
    })?;
    bar.finish_and_clear();
    let megabytes = report.total_bytes as f64 / 1e6;
    log::info!("{} parameters", report.n_parameters);
    say(quiet, &format!("wrote `{}` ({megabytes:.1} MB)", report.path.display()));
    Ok(())
}

fn to_static(args: &ConvertArgs, quiet: bool) -> anyhow::Result<()> {
    let target: &PathBuf = args.output.as_ref().ok_or_else(|| needs_output("a folder"))?;
    let table_type: TableType = args.dtype.parse()?;
    let profile = profile::build_for(&args.source, &args.run)?;
    let engine = Engine::builder(&profile).call(&Interruptible).on_event(announce(quiet)).build()?;
    let options = DistillOptions { dims: args.dims, table_type, ..DistillOptions::default() };
    let observed = Observed { bar: progress::permille(quiet) };
    let distilled = engine.with_session(|session| distill(session, engine.package(), &options, &observed))?;
    observed.bar.finish_and_clear();
    distilled.write(target)?;
    let (tokens, dims) = (distilled.tokens(), distilled.dims());
    let kept = 100.0 * distilled.explained_variance();
    say(quiet, &format!("wrote `{}`: {tokens} tokens × {dims}, {kept:.1} % of the variance kept", target.display()));
    Ok(())
}

fn needs_output(what: &str) -> anyhow::Error {
    CommandError::new(Blame::Usage, format!("where to? name {what} with `-o`")).into()
}

/// Results of commands that write files go to standard error, so that standard output stays free for data.
fn say(quiet: bool, text: &str) {
    use std::io::Write;
    if !quiet {
        // With standard error gone there is nowhere left to complain.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// Shows progress, and stops when the user asks to.
struct Observed {
    bar: ProgressBar,
}

impl Call for Observed {
    fn is_cancelled(&self) -> bool {
        interrupt::asked()
    }

    fn progress(&self, permille: u32, phase: &str) {
        self.bar.set_message(phase.to_owned());
        self.bar.set_position(permille.into());
    }
}
