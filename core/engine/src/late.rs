//! Engines that are opened when they are needed: most conversions need none before they are checked.

use std::path::Path;

use drivetrain_contract::{Artifact, Call, Result, Session};
use drivetrain_convert::{ArtifactEngine, GraphEngine, Opened, Rewriting};
use drivetrain_planner::Profile;

use crate::{Locations, Workbench};

/// The engines of a profile.
#[derive(Debug)]
pub struct LateWorkbench<'l> {
    profile: &'l Profile,
    locations: &'l Locations,
    workbench: Option<Workbench>,
}

impl<'l> LateWorkbench<'l> {
    /// Nothing is opened yet.
    pub fn new(profile: &'l Profile, locations: &'l Locations) -> Self {
        Self { profile, locations, workbench: None }
    }

    /// The engines, opened now if they are not open.
    ///
    /// # Errors
    /// As [`Workbench::open`].
    pub fn workbench(&mut self) -> Result<&mut Workbench> {
        match &mut self.workbench {
            Some(workbench) => Ok(workbench),
            empty => Ok(empty.insert(Workbench::open(self.profile, self.locations)?)),
        }
    }
}

impl GraphEngine for LateWorkbench<'_> {
    fn open(&mut self, graph: &Path, call: &dyn Call) -> Result<Box<dyn Session>> {
        self.workbench()?.open(graph, call)
    }

    fn rewrite(&mut self, graph: &Path, rewriting: Rewriting, target: &Path, call: &dyn Call) -> Result<()> {
        self.workbench()?.rewrite(graph, rewriting, target, call)
    }
}

impl ArtifactEngine for LateWorkbench<'_> {
    fn graph_engine(&mut self) -> Result<String> {
        self.workbench()?.graph_engine()
    }

    fn open_artifact(&mut self, artifact: &Artifact, description_json: &str, call: &dyn Call) -> Result<Opened> {
        self.workbench()?.open_artifact(artifact, description_json, call)
    }
}
