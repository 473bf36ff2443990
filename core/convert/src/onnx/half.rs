//! Half precision: weights and the transformer's values in 16 bits, everything that joins them with 32 bits in 32.
//!
//! Values take the precision of what they are made of, as in numpy: where both kinds meet, the halves are widened. So
//! the transformer computes in halves, because its tables are halves, and everything from pooling on in 32 bits,
//! because the mask is.

use half::{bf16, f16};

use super::{
    form::Form,
    graph::{Facts, Graph, Value},
    schema::{Attribute, ElementType},
};

impl Graph<'_> {
    /// The type of half precision, if the graph is in it.
    fn half_type(&self) -> Option<ElementType> {
        match *self.form {
            Form::F16 => Some(ElementType::F16),
            Form::Bf16 => Some(ElementType::Bf16),
            Form::F32 | Form::Int8(_) => None,
        }
    }

    /// The lowest finite number of the graph's precision.
    pub(super) fn lowest(&self) -> f32 {
        match *self.form {
            Form::F16 => f16::MIN.to_f32(),
            Form::Bf16 => bf16::MIN.to_f32(),
            Form::F32 | Form::Int8(_) => f32::MIN,
        }
    }

    /// A float in the graph's precision.
    pub(super) fn narrowed(&mut self, x: &Value) -> Value {
        match self.half_type() {
            Some(half) if !self.facts(x).is_half => self.cast(x, half),
            _ => x.clone(),
        }
    }

    /// A float in 32 bits.
    pub(super) fn widened(&mut self, x: &Value) -> Value {
        if self.facts(x).is_half { self.cast(x, ElementType::F32) } else { x.clone() }
    }

    /// Two floats in one precision.
    pub(super) fn aligned(&mut self, a: &Value, b: &Value) -> [Value; 2] {
        if self.facts(a).is_half == self.facts(b).is_half {
            return [a.clone(), b.clone()];
        }
        [self.widened(a), self.widened(b)]
    }

    /// A float without axes, in the precision of `x`.
    pub(super) fn float_like(&mut self, x: &Value, value: f32) -> Value {
        let Some(half) = self.half_type().filter(|_| self.facts(x).is_half) else { return self.float(value) };
        let (name, bytes) = match half {
            ElementType::F16 => ("f16", f16::from_f32(value).to_le_bytes()),
            _ => ("bf16", bf16::from_f32(value).to_le_bytes()),
        };
        let constant = self.constant(format!("constant.{name}.{value:e}"), half, vec![], bytes.to_vec());
        self.set_facts(&constant, Facts { is_half: true, ..Facts::default() });
        constant
    }

    /// Another type for the same numbers.
    pub(super) fn cast(&mut self, x: &Value, to: ElementType) -> Value {
        let is_half = matches!(to, ElementType::F16 | ElementType::Bf16);
        let facts = Facts { is_half, ..self.facts(x) };
        let cast = self.node("Cast", &[x], &[Attribute::Int("to", to as i64)]);
        self.set_facts(&cast, facts);
        cast
    }
}
