//! Races between candidates, and what they leave behind.

use drivetrain_contract::Result;
use drivetrain_planner::tune::{Limits, Stand, race};

use super::{Outlook, kept};
use crate::trial::Material;

/// Decides whether candidates are tried before there is a plan, and tries them.
pub trait Tuning {
    /// Calls [`Outlook::tune`] if that is worth it.
    ///
    /// # Errors
    /// When the user asks to stop, and for texts and pairs that cannot be read.
    fn tune(&mut self, outlook: &mut Outlook<'_>) -> Result<()>;
}

impl Outlook<'_> {
    /// Runs the likeliest candidates on texts, and keeps what that shows for this plan and for later ones.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Cancelled`] when the user asks to stop, and
    /// [`drivetrain_contract::ErrorKind::Invalid`] for scored pairs that say nothing. What was known by then counts for this
    /// plan, and is not kept.
    pub fn tune(&mut self, stand: &mut dyn Stand<'_>, material: &Material) -> Result<()> {
        let time = std::time::Duration::from_secs_f64(self.look.profile.plan.tune_seconds.value);
        let race = race(&self.field(), stand, &Limits { time, scores: material.scores() });
        self.set_trials(race.trials);
        match race.ended_by {
            Some(err) => Err(err),
            None => {
                match kept::write(self, self.trials()) {
                    Ok(counting) => self.set_trials(counting),
                    Err(err) => log::warn!("{}; what was measured will not be known the next time", err.to_text()),
                }
                Ok(())
            }
        }
    }
}
