//! What plans pick, as the program prints them.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::{
    Budget, Cell, Kind,
    way::{Shape, Way},
};
use crate::{arguments::RegretArguments, entries::Places};

/// Who picks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum By {
    /// The tuner, which measures.
    Tuner,
    /// The rules of sentence-transformers 5.
    V5,
    /// Those of sentence-transformers 6.
    V6,
}

/// What was picked for a budget.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Pick {
    pub(super) by: By,
    pub(super) budget: Budget,
    pub(super) way: Way,
    /// How long it took to pick, in seconds.
    pub(super) seconds: f64,
}

/// The program that plans.
#[derive(Debug)]
pub(super) struct Planner<'a> {
    program: PathBuf,
    places: &'a Places,
    budgets: &'a [Budget],
    /// Whether it measures when it is told to.
    has_tuner: bool,
}

/// What is read of a printed plan.
#[derive(Deserialize)]
struct Plan {
    chosen: Kind,
    shape: Shape,
    #[serde(default)]
    rejected: Vec<Rejected>,
}

#[derive(Deserialize)]
struct Rejected {
    candidate: Option<Kind>,
    reason: Reason,
}

#[derive(Deserialize)]
struct Reason {
    why: String,
}

impl By {
    pub(super) const ALL: [Self; 3] = [Self::Tuner, Self::V5, Self::V6];

    /// What the plan is told.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            By::Tuner => &["--tune"],
            By::V5 => &["--rules", "sentence-transformers-v5"],
            By::V6 => &["--rules", "sentence-transformers-v6"],
        }
    }

    /// Below the data folder. Plans go by what was tuned before with the same cache folder; rules are to know nothing.
    fn cache(self) -> &'static str {
        match self {
            By::Tuner => "cache",
            By::V5 | By::V6 => "cache/bench-regret/rules",
        }
    }
}

impl<'a> Planner<'a> {
    pub(super) fn new(arguments: &'a RegretArguments, places: &'a Places) -> Result<Self> {
        let program = arguments.program.canonicalize().with_context(|| {
            let program = arguments.program.display();
            format!("no program `{program}`; `cargo build --release` in the repository makes it")
        })?;
        let help = Command::new(&program).args(["plan", "--help"]).output()?;
        let has_tuner = String::from_utf8_lossy(&help.stdout).contains("--tune");
        if !has_tuner {
            println!("this program does not tune: only the rules are compared");
        }
        Ok(Self { program, places, budgets: &arguments.budgets, has_tuner })
    }

    /// Everything that could be picked if any loss were allowed, f32 on ONNX Runtime first.
    pub(super) fn kinds(&self) -> Result<Vec<Kind>> {
        self.plan(By::V6, &["--max-loss", "1"])?.kinds()
    }

    /// What everybody picks in a cell, for every budget.
    pub(super) fn picks(&self, cell: Cell, kinds: &[Kind]) -> Result<Vec<Pick>> {
        let mut picks = Vec::new();
        for &budget in self.budgets {
            for by in By::ALL.into_iter().filter(|&by| by != By::Tuner || self.has_tuner) {
                let started = Instant::now();
                let loss = budget.0.to_string();
                let text_length = format!("workload.text_length={}", cell.length.name());
                let goal = format!("workload.goal={}", cell.goal.name());
                let wanted = ["--max-loss", &loss, "--set", &text_length, "--set", &goal];
                let plan = self.plan(by, &wanted)?;
                let seconds = started.elapsed().as_secs_f64();
                let kind = kinds.iter().find(|kind| kind.is(&plan.chosen)).cloned().unwrap_or(plan.chosen);
                picks.push(Pick { by, budget, way: Way { kind, shape: plan.shape }, seconds });
            }
        }
        Ok(picks)
    }

    fn plan(&self, by: By, arguments: &[&str]) -> Result<Plan> {
        let Places { home, model, threads, .. } = self.places;
        let output = Command::new(&self.program)
            .args(["plan", "--json", "--no-config", "--set", "plan.artifacts=use-existing", "--threads"])
            .arg(threads.to_string())
            .arg("--model")
            .arg(model)
            .args(by.arguments())
            .args(arguments)
            // What depends on its batch is picked by rules, and beaten or not like everything else.
            .args(if self.has_tuner { &["--set", "accuracy.batch_invariant=false"][..] } else { &[] })
            .env("DRIVETRAIN_HOME", home)
            .env("DRIVETRAIN_CACHE", home.join(by.cache()))
            .stdin(Stdio::null())
            .output()
            .context("cannot run the program that plans")?;
        if !output.status.success() {
            bail!("no plan by {by:?} for {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout).context("the plan is not printed as it used to be")
    }
}

impl Plan {
    /// What was chosen and what could have been, each once, f32 on ONNX Runtime first, with a mark on those that share engine and
    /// precision with another.
    fn kinds(self) -> Result<Vec<Kind>> {
        let later =
            self.rejected.into_iter().filter(|rejected| ["later", "other_release"].contains(&&*rejected.reason.why));
        let mut kinds: Vec<Kind> =
            std::iter::once(self.chosen).chain(later.filter_map(|rejected| rejected.candidate)).collect();
        kinds.sort_by_key(|kind| (kind.precision != "f32", kind.backend != "onnxruntime", kind.release.is_some()));
        ensure!(kinds.first().is_some_and(|kind| kind.precision == "f32"), "nothing runs the model in f32");
        let of = |kind: &Kind| {
            (kind.backend.clone(), kind.release.clone(), kind.device_kind.clone(), kind.precision.clone())
        };
        // An engine may offer the same processor by a second name, behind the one that is liked better.
        let mut seen = BTreeSet::new();
        kinds.retain(|kind| seen.insert((of(kind), kind.file.path.clone())));
        for kind in &mut kinds {
            kind.is_one_of_many = seen.iter().filter(|(other, _)| *other == of(kind)).count() > 1;
        }
        Ok(kinds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(backend: &str, precision: &str, path: &str) -> String {
        format!(
            r#"{{"backend":"{backend}","device":"cpu","kind":"cpu","precision":"{precision}",
               "file":{{"format":"onnx","precision":"f32","path":"{path}","bytes":1,"target":null}}}}"#
        )
    }

    #[test]
    fn a_plan_names_all_that_could_run() {
        let rejected =
            |candidate: &str, why: &str| format!(r#"{{"candidate":{candidate},"reason":{{"why":"{why}"}}}}"#);
        let json = format!(
            r#"{{"chosen":{},"shape":{{"sessions":2,"threads":2,"batch_tokens":null}},"rejected":[{},{},{},{},{},{}]}}"#,
            candidate("openvino", "int8", "openvino/a.xml"),
            rejected(&candidate("openvino", "int8", "onnx/b.onnx"), "later"),
            rejected(
                &candidate("openvino", "int8", "onnx/b.onnx").replace(r#""device":"cpu""#, r#""device":"auto""#),
                "later"
            ),
            rejected(
                &candidate("onnxruntime", "f32", "onnx/c.onnx")
                    .replace(r#""device""#, r#""release":{"version":"2.0.0","library":"/x.so"},"device""#),
                "other_release"
            ),
            rejected(&candidate("openvino", "f16", "onnx/c.onnx"), "precision"),
            rejected(&candidate("onnxruntime", "f32", "onnx/c.onnx"), "later"),
            rejected("null", "absent"),
        );
        let kinds = serde_json::from_str::<Plan>(&json).unwrap().kinds().unwrap();
        let names: Vec<String> = kinds.iter().map(Kind::to_string).collect();
        assert_eq!(names, ["onnxruntime f32", "onnxruntime 2.0.0 f32", "openvino int8 a.xml", "openvino int8 b.onnx"]);
        assert!(serde_json::from_str::<Plan>(&json.replace("\"f32\"", "\"int8\"")).unwrap().kinds().is_err());
    }
}
