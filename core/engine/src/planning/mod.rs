//! From a profile and a package to a plan: what there is to know is gathered here, and decided on in the planner.

mod ask;
mod facts;
mod kept;
mod locks;
mod outlook;
mod tune;

pub use ask::{Asked, InProcess, Probed, Prober, Questions};
pub use facts::model_facts;
pub use outlook::{Look, Outlook};
pub use tune::Tuning;
