//! Contenders that are loaded in this process.

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use drivetrain_contract::{Call, Result};
use drivetrain_package::Package;
use drivetrain_pipeline::{Draft, EmbedOptions, Embedder, Position};
use drivetrain_planner::{
    Goal, Profile,
    tune::{Contender, Lap, Sampled, Seat, Stand, Step},
};
use drivetrain_plugin_host::Registry;

use super::Material;
use crate::{
    Locations,
    opening::{Opening, embed_options},
};

/// With what contenders are loaded.
#[derive(Clone, Copy)]
pub struct SeatOptions<'s> {
    /// What the user wants.
    pub profile: &'s Profile,
    /// Where plugins, models and compiled models are.
    pub locations: &'s Locations,
    /// The plugins.
    pub registry: &'s Registry,
    /// The model.
    pub package: &'s Package,
    /// What matters most: texts are run one after the other for latency, and else together.
    pub goal: Goal,
    /// What can stop it.
    pub call: &'s dyn Call,
}

impl std::fmt::Debug for SeatOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeatOptions").field("package", &self.package.name()).field("goal", &self.goal).finish()
    }
}

/// Loads a contender, as [`crate::Engine`] would.
///
/// # Errors
/// Whatever keeps it from running.
pub fn open_seat<'s>(
    options: SeatOptions<'s>,
    contender: &Contender,
    material: Arc<Material>,
) -> Result<Box<dyn Seat + 's>> {
    let SeatOptions { profile, locations, registry, package, goal, call } = options;
    let shape = contender.shape;
    let threads = NonZeroUsize::new(shape.threads).unwrap_or(NonZeroUsize::MIN);
    let options =
        EmbedOptions { threads, batch_tokens: shape.batch_tokens, ..embed_options(profile, EmbedOptions::default()) };
    let draft = Draft::new(package, &options)?;
    let opening = Opening { profile, locations, registry, package, call };
    let (embedder, _) = opening.open((&contender.candidate, shape), draft, &mut |_| {})?;
    Ok(Box::new(LocalSeat { embedder, material, goal, call, usual: shape.batch_tokens }))
}

struct LocalSeat<'s> {
    embedder: Embedder,
    material: Arc<Material>,
    goal: Goal,
    call: &'s dyn Call,
    /// Most tokens in a batch where a lap leaves it open.
    usual: Option<usize>,
}

impl Seat for LocalSeat<'_> {
    fn vectors(&mut self, most: usize) -> Result<Sampled> {
        let (embedder, material, call) = (&mut self.embedder, &*self.material, self.call);
        let judged = &material.judged()[..most.min(material.judged().len())];
        let together = embedder.embed(judged, call)?;
        let mut alone = Vec::new();
        for text in &material.alone()[..most.min(material.alone().len())] {
            alone.extend_from_slice(embedder.embed(std::slice::from_ref(text), call)?.as_slice());
        }
        let pairs = embedder.embed(material.pairs(), call)?;
        let (dim, together) = (together.dim(), together.as_slice().to_vec());
        Ok(Sampled { dim, together, alone, pairs: pairs.as_slice().to_vec() })
    }

    fn lap(&mut self, lap: Lap) -> Result<Duration> {
        self.embedder.set_batch_tokens(lap.batch_tokens.or(self.usual));
        let texts = &self.material.laps()[..lap.n_texts.min(self.material.laps().len())];
        let started = Instant::now();
        if self.goal == Goal::Latency {
            for text in texts {
                self.embedder.embed(std::slice::from_ref(text), self.call)?;
            }
        } else {
            let texts = texts.iter().map(Ok::<&String, drivetrain_contract::Error>);
            self.embedder.embed_stream(Position::default(), texts, &mut |_| Ok(()), self.call)?;
        }
        Ok(started.elapsed())
    }

    fn batch_tokens(&self) -> Option<usize> {
        self.embedder.batch_tokens()
    }

    fn peak_bytes(&mut self) -> Option<u64> {
        // What this process holds is not this contender's alone.
        None
    }
}

/// Loads contenders in this process, where one that crashes takes everything with it.
#[derive(Debug)]
pub struct LocalStand<'s> {
    options: SeatOptions<'s>,
    material: Arc<Material>,
    started: Instant,
}

impl<'s> LocalStand<'s> {
    /// For a race that begins now.
    pub fn new(options: SeatOptions<'s>, material: Arc<Material>) -> Self {
        Self { options, material, started: Instant::now() }
    }
}

impl<'s> Stand<'s> for LocalStand<'s> {
    fn open(&mut self, contender: &Contender, _next: Option<&Contender>) -> Result<Box<dyn Seat + 's>> {
        open_seat(self.options, contender, Arc::clone(&self.material))
    }

    fn n_texts(&self) -> usize {
        self.material.laps().len()
    }

    fn chars_per_text(&self) -> f64 {
        self.material.chars_per_text()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn observe(&mut self, _step: Step<'_>) {}
}
