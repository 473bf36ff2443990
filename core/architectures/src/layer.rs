//! One layer of a transformer: attention, feed-forward part, and the normalisation around both.

use drivetrain_contract::Result;

use crate::{
    Activation, Ops, WeightScope,
    attention::{Attention, Context, Heads, Projection},
    layers::{Bias, Linear, Norm},
    mlp::{Mlp, Up},
};

/// One layer.
#[derive(Clone, Debug)]
pub(crate) struct Layer<W> {
    pub(crate) name: String,
    pub(crate) attention: Attention<W>,
    pub(crate) mlp: Mlp<W>,
    pub(crate) norms: Norms<W>,
    /// Which of the encoder's views its attention has.
    pub(crate) view: usize,
}

/// Where normalisation is.
#[derive(Clone, Debug)]
pub(crate) enum Norms<W> {
    /// After each sum: `norm(x + f(x))`.
    After { attention: Norm<W>, mlp: Norm<W> },
    /// Before each part: `x + f(norm(x))`; a first layer may have none before attention.
    Before { attention: Option<Norm<W>>, mlp: Norm<W> },
}

impl<W> Layer<W> {
    /// `[B, S, hidden]` to the same shape.
    pub(crate) fn forward<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        x: &O::Tensor,
        context: &Context<O::Tensor>,
    ) -> Result<O::Tensor> {
        match &self.norms {
            Norms::After { attention, mlp } => {
                let attended = self.attention.forward(ops, x, context)?;
                let sum = self.add(ops, &attended, x)?;
                let x = attention.forward(ops, &sum)?;
                let output = self.mlp.forward(ops, &x)?;
                let sum = self.add(ops, &output, &x)?;
                mlp.forward(ops, &sum)
            }
            Norms::Before { attention, mlp } => {
                let normed = attention.as_ref().map(|norm| norm.forward(ops, x)).transpose()?;
                let attended = self.attention.forward(ops, normed.as_ref().unwrap_or(x), context)?;
                let x = self.add(ops, &attended, x)?;
                let normed = mlp.forward(ops, &x)?;
                let output = self.mlp.forward(ops, &normed)?;
                self.add(ops, &output, &x)
            }
        }
    }

    /// What a part gives comes first: the order that ONNX Runtime recognises and fuses with the normalisation.
    fn add<O: Ops<Weight = W>>(&self, ops: &mut O, part: &O::Tensor, x: &O::Tensor) -> Result<O::Tensor> {
        ops.scope(&self.name);
        ops.add(part, x)
    }
}

/// The layer of the original transformer, which most BERT-like architectures have under names of their own: attention
/// and a plain feed-forward part with biases, each followed by a normalisation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassicLayer {
    pub(crate) hidden: usize,
    pub(crate) heads: Heads,
    pub(crate) inner: usize,
    pub(crate) eps: f32,
    pub(crate) activation: Activation,
}

/// Names inside a classic layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassicNames {
    pub(crate) query_key_value: [&'static str; 3],
    pub(crate) attention_output: &'static str,
    pub(crate) attention_norm: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
    pub(crate) mlp_norm: &'static str,
}

impl ClassicLayer {
    /// Takes the weights of the layer called `name`.
    pub(crate) fn load<W>(
        &self,
        scope: &mut WeightScope<'_, '_, W>,
        name: &str,
        names: &ClassicNames,
    ) -> Result<Layer<W>> {
        let Self { hidden, heads, inner, eps, activation } = *self;
        let full = |part: &str| format!("{name}.{part}");
        let [query, key, value] = names.query_key_value.map(full);
        let projection = Projection::separate(scope, [&query, &key, &value], (hidden, heads), Bias::Present)?;
        let output = Linear::load(scope, &full(names.attention_output), [hidden, heads.width()])?;
        let attention_norm = Norm::layer(scope, &full(names.attention_norm), hidden, eps)?;
        let up = Linear::load(scope, &full(names.up), [inner, hidden])?;
        let down = Linear::load(scope, &full(names.down), [hidden, inner])?;
        let mlp_norm = Norm::layer(scope, &full(names.mlp_norm), hidden, eps)?;
        let name = scope.label(name);
        Ok(Layer {
            attention: Attention {
                name: format!("{name}.attention"),
                heads,
                projection,
                head_norms: None,
                disentangled: None,
                output,
            },
            mlp: Mlp { name: format!("{name}.mlp"), up: Up::Plain(up), activation, down },
            norms: Norms::After { attention: attention_norm, mlp: mlp_norm },
            view: 0,
            name,
        })
    }
}
