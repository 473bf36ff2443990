//! Rotary positions: angles that grow with the position, by which queries and keys are turned.
//!
//! Su et al., arXiv:2104.09864. Settings and scalings are those of `transformers.modeling_rope_utils`, and `ntk` that
//! of the code that GTE models bring (`Alibaba-NLP/new-impl`).

use drivetrain_contract::Result;

use crate::{Ops, config::Config};

/// Cosine and sine of the angles for every position: what [`Ops::rotary`] turns by.
#[derive(Clone, Debug)]
pub struct Rotary<T> {
    /// `[1, S, 1, half]`
    pub cos: T,
    /// `[1, S, 1, half]`
    pub sin: T,
    /// Half the extent of a head.
    pub half: usize,
}

/// By how many radians each pair of a head turns from one position to the next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frequencies(Vec<f32>);

impl Frequencies {
    /// `theta^(-2 i / head_dim)` for each pair `i`, scaled as `scaling` says.
    pub(crate) fn new(theta: f32, head_dim: usize, scaling: Scaling) -> Self {
        let (theta, divisor) = match scaling {
            Scaling::None => (theta, 1.0),
            Scaling::Linear { factor } => (theta, factor),
            Scaling::Ntk { factor } => (theta * factor, factor.powf(2.0 / head_dim as f32)),
        };
        let frequency = |pair: usize| 1.0 / theta.powf((2 * pair) as f32 / head_dim as f32) / divisor;
        Self((0..head_dim / 2).map(frequency).collect())
    }

    /// As the configuration says: `rope_parameters` of transformers 5, or `rope_theta` and `rope_scaling` before it.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a scaling this version does not know,
    /// [`drivetrain_contract::ErrorKind::Model`] for an odd `head_dim`.
    pub(crate) fn read(config: &Config<'_>, head_dim: usize, default_theta: f32) -> Result<Self> {
        let theta = config.positive_float("rope_theta", default_theta)?;
        match config.section("rope_parameters")? {
            Some(parameters) => Self::read_parameters(&parameters, head_dim, theta),
            None => {
                let scaling = config.section("rope_scaling")?.map(|section| Scaling::read(&section)).transpose()?;
                Self::checked(config, theta, head_dim, scaling.unwrap_or(Scaling::None))
            }
        }
    }

    /// As one object of `rope_parameters` says.
    ///
    /// # Errors
    /// As for [`Frequencies::read`].
    pub(crate) fn read_parameters(parameters: &Config<'_>, head_dim: usize, default_theta: f32) -> Result<Self> {
        let theta = parameters.positive_float("rope_theta", default_theta)?;
        let share = parameters.positive_float("partial_rotary_factor", 1.0)?;
        if share != 1.0 {
            return Err(parameters.unsupported("partial_rotary_factor", &share.to_string(), "`1`"));
        }
        Self::checked(parameters, theta, head_dim, Scaling::read(parameters)?)
    }

    fn checked(config: &Config<'_>, theta: f32, head_dim: usize, scaling: Scaling) -> Result<Self> {
        /// Far above any head there is, far below what would exhaust memory.
        const LARGEST_HEAD: usize = 1 << 20;
        if !head_dim.is_multiple_of(2) || head_dim == 0 || head_dim > LARGEST_HEAD {
            return Err(config.contradiction(&format!("a head of {head_dim} numbers cannot be turned in pairs")));
        }
        Ok(Self::new(theta, head_dim, scaling))
    }

    /// The angles' cosines and sines for as many positions as `like` `[B, S]` has.
    pub(crate) fn rotary<O: Ops>(&self, ops: &mut O, like: &O::Tensor) -> Result<Rotary<O::Tensor>> {
        ops.scope("rotary");
        let half = self.0.len();
        let positions = ops.positions(like)?;
        let positions = ops.to_float(&positions)?;
        let positions = ops.unsqueeze_last(&positions)?;
        let frequencies = ops.constant(&self.0, &[half])?;
        let angles = ops.mul(&positions, &frequencies)?;
        let angles = ops.split_heads(&angles, 1)?;
        Ok(Rotary { cos: ops.cos(&angles)?, sin: ops.sin(&angles)?, half })
    }
}

/// How frequencies are stretched for texts longer than those of the training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scaling {
    None,
    /// All frequencies by `1 / factor`.
    Linear {
        factor: f32,
    },
    /// `theta · factor`, and all frequencies by `factor^(-2 / head_dim)`.
    Ntk {
        factor: f32,
    },
}

impl Scaling {
    fn read(section: &Config<'_>) -> Result<Self> {
        let key = if section.has("rope_type") { "rope_type" } else { "type" };
        let factor = section.positive_float("factor", 1.0)?;
        match section.text(key, "default")? {
            "default" => Ok(Self::None),
            "linear" => Ok(Self::Linear { factor }),
            "ntk" => Ok(Self::Ntk { factor }),
            other => Err(section.unsupported(key, other, "`default`, `linear` and `ntk`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_fall_by_equal_factors() {
        let Frequencies(plain) = Frequencies::new(10_000.0, 8, Scaling::None);
        for (found, expect) in plain.iter().zip([1.0, 0.1, 0.01, 0.001]) {
            assert!((found - expect).abs() < 1e-6 * expect, "{plain:?}");
        }
        let Frequencies(linear) = Frequencies::new(10_000.0, 8, Scaling::Linear { factor: 4.0 });
        assert!(linear.iter().zip(&plain).all(|(scaled, plain)| (scaled * 4.0 - plain).abs() < 1e-6 * plain));
    }

    /// With the base and the frequencies scaled, the slowest pair turns `factor` times slower, as by `linear`, and the
    /// fastest hardly.
    #[test]
    fn ntk_scales_low_frequencies_most() {
        let (Frequencies(plain), Frequencies(ntk)) = (
            Frequencies::new(10_000.0, 64, Scaling::None),
            Frequencies::new(10_000.0, 64, Scaling::Ntk { factor: 2.0 }),
        );
        assert!((plain[31] / ntk[31] - 2.0).abs() < 1e-4, "{}", plain[31] / ntk[31]);
        assert!((plain[0] / ntk[0] - 2f32.powf(2.0 / 64.0)).abs() < 1e-5);
    }
}
