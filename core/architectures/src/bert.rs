//! BERT: absolute positions, post-layer normalisation, full attention (Devlin et al., arXiv:1810.04805).
//!
//! Names of weights and keys of the configuration are those of `transformers.BertModel`.

use drivetrain_contract::{Error, Inputs, Result};
use drivetrain_package::{Package, Weights};

use crate::{
    Activation, AttentionInputs, Embedding, LayerNorm, Linear, LoadWeight, Ops, TokenInputs, WeightScope,
    config::Config,
};

/// A BERT encoder with handles of its weights.
#[derive(Clone, Debug)]
pub struct Bert<W> {
    config: BertConfig,
    words: Embedding<W>,
    positions: Embedding<W>,
    token_types: Embedding<W>,
    norm: LayerNorm<W>,
    layers: Vec<Layer<W>>,
}

/// What `config.json` says of a BERT encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct BertConfig {
    /// Rows of the table of words.
    pub vocab_size: usize,
    /// Extent of token vectors.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Number of attention heads; divides the hidden size.
    pub num_attention_heads: usize,
    /// Extent between the two matrices of the feed-forward part.
    pub intermediate_size: usize,
    /// Rows of the table of positions: the longest text in tokens.
    pub max_position_embeddings: usize,
    /// Rows of the table of segments.
    pub type_vocab_size: usize,
    /// Added to the variance in each normalisation.
    pub layer_norm_eps: f32,
    /// Activation of the feed-forward part.
    pub activation: Activation,
}

impl BertConfig {
    /// Reads and checks the configuration of `package`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] for keys that are missing or wrong,
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a variant of BERT that is not this one.
    pub fn of(package: &Package) -> Result<Self> {
        let config = Config::of(package);
        let read = Self {
            vocab_size: config.positive("vocab_size")?,
            hidden_size: config.positive("hidden_size")?,
            num_hidden_layers: config.positive("num_hidden_layers")?,
            num_attention_heads: config.positive("num_attention_heads")?,
            intermediate_size: config.positive("intermediate_size")?,
            max_position_embeddings: config.positive("max_position_embeddings")?,
            type_vocab_size: config.positive("type_vocab_size")?,
            layer_norm_eps: config.positive_float("layer_norm_eps", 1e-12)?,
            activation: activation(&config)?,
        };
        if !read.hidden_size.is_multiple_of(read.num_attention_heads) {
            return Err(config.contradiction(&format!(
                "`hidden_size` {} is not a multiple of `num_attention_heads` {}",
                read.hidden_size, read.num_attention_heads
            )));
        }
        check_variant(&config)?;
        Ok(read)
    }
}

fn activation(config: &Config<'_>) -> Result<Activation> {
    let name = config.text("hidden_act", "gelu")?;
    Activation::from_transformers(name)
        .ok_or_else(|| config.unsupported("hidden_act", name, &Activation::transformers_names()))
}

fn check_variant(config: &Config<'_>) -> Result<()> {
    let positions = config.text("position_embedding_type", "absolute")?;
    if positions != "absolute" {
        return Err(config.unsupported("position_embedding_type", positions, "`absolute`"));
    }
    for key in ["is_decoder", "add_cross_attention"] {
        if config.flag(key)? {
            return Err(config.unsupported(key, "true", "encoders"));
        }
    }
    Ok(())
}

impl<W> Bert<W> {
    /// The token inputs it takes.
    pub const INPUTS: Inputs = Inputs::INPUT_IDS.union(Inputs::ATTENTION_MASK).union(Inputs::TOKEN_TYPE_IDS);

    /// Takes every weight of the encoder from `weights`, where names may begin with `bert.` or `model.`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] for a tensor that is missing or of another shape.
    pub fn load<'a>(config: BertConfig, weights: &'a Weights, load: &mut LoadWeight<'_, 'a, W>) -> Result<Self> {
        let prefixes = ["", "bert.", "model."];
        let scope = &mut WeightScope::transformer(weights, &prefixes, "embeddings.word_embeddings.weight", load);
        let table = |scope: &mut WeightScope<'_, 'a, W>, name: &str, rows: usize| {
            Embedding::load(scope, &format!("embeddings.{name}_embeddings"), [rows, config.hidden_size])
        };
        let words = table(scope, "word", config.vocab_size)?;
        let positions = table(scope, "position", config.max_position_embeddings)?;
        let token_types = table(scope, "token_type", config.type_vocab_size)?;
        let norm = LayerNorm::load(scope, "embeddings.LayerNorm", config.hidden_size, config.layer_norm_eps)?;
        // Collected one by one: an absurd number of layers ends at the first tensor that is not there.
        let mut layers = Vec::new();
        for idx in 0..config.num_hidden_layers {
            layers.push(Layer::load(&config, scope, idx)?);
        }
        Ok(Self { config, words, positions, token_types, norm, layers })
    }

    /// What the encoder was built from.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// Token ids `[B, S]` to the last hidden state `[B, S, hidden_size]`.
    ///
    /// # Errors
    /// Those of the operations, and [`drivetrain_contract::ErrorKind::Invalid`] without `token_type_ids`.
    pub fn forward<O: Ops<Weight = W>>(&self, ops: &mut O, inputs: &TokenInputs<O::Tensor>) -> Result<O::Tensor> {
        let token_type_ids =
            inputs.token_type_ids.as_ref().ok_or_else(|| Error::invalid("`bert` needs `token_type_ids`"))?;
        let embedded = self.embed(ops, &inputs.input_ids, token_type_ids)?;
        ops.scope("attention_mask");
        let mask = ops.attention_mask(&inputs.attention_mask)?;
        self.layers.iter().try_fold(embedded, |hidden, layer| layer.forward(ops, &self.config, &hidden, &mask))
    }

    fn embed<O: Ops<Weight = W>>(&self, ops: &mut O, ids: &O::Tensor, type_ids: &O::Tensor) -> Result<O::Tensor> {
        let words = self.words.forward(ops, ids)?;
        let token_types = self.token_types.forward(ops, type_ids)?;
        ops.scope("embeddings");
        let positions = ops.positions(ids)?;
        let positions = self.positions.forward(ops, &positions)?;
        ops.scope("embeddings");
        let sum = ops.add(&words, &token_types)?;
        let sum = ops.add(&sum, &positions)?;
        self.norm.forward(ops, &sum)
    }
}

#[derive(Clone, Debug)]
struct Layer<W> {
    name: String,
    query: Linear<W>,
    key: Linear<W>,
    value: Linear<W>,
    attention_output: Linear<W>,
    attention_norm: LayerNorm<W>,
    intermediate: Linear<W>,
    output: Linear<W>,
    output_norm: LayerNorm<W>,
}

impl<W> Layer<W> {
    fn load(config: &BertConfig, scope: &mut WeightScope<'_, '_, W>, idx: usize) -> Result<Self> {
        let name = format!("encoder.layer.{idx}");
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let mut linear = |part: &str, shape| Linear::load(scope, &format!("{name}.{part}"), shape);
        let query = linear("attention.self.query", [hidden, hidden])?;
        let key = linear("attention.self.key", [hidden, hidden])?;
        let value = linear("attention.self.value", [hidden, hidden])?;
        let attention_output = linear("attention.output.dense", [hidden, hidden])?;
        let intermediate = linear("intermediate.dense", [inner, hidden])?;
        let output = linear("output.dense", [hidden, inner])?;
        let mut norm = |part: &str| LayerNorm::load(scope, &format!("{name}.{part}"), hidden, config.layer_norm_eps);
        let attention_norm = norm("attention.output.LayerNorm")?;
        let output_norm = norm("output.LayerNorm")?;
        Ok(Self { name, query, key, value, attention_output, attention_norm, intermediate, output, output_norm })
    }

    fn forward<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        config: &BertConfig,
        hidden: &O::Tensor,
        mask: &O::Tensor,
    ) -> Result<O::Tensor> {
        let attended = self.attend(ops, config, hidden, mask)?;
        let inner = self.intermediate.forward(ops, &attended)?;
        ops.scope(&format!("{}.intermediate", self.name));
        let inner = ops.activation(&inner, config.activation)?;
        let output = self.output.forward(ops, &inner)?;
        ops.scope(&format!("{}.output", self.name));
        let sum = ops.add(&output, &attended)?;
        self.output_norm.forward(ops, &sum)
    }

    fn attend<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        config: &BertConfig,
        hidden: &O::Tensor,
        mask: &O::Tensor,
    ) -> Result<O::Tensor> {
        let query = self.query.forward(ops, hidden)?;
        let key = self.key.forward(ops, hidden)?;
        let value = self.value.forward(ops, hidden)?;
        let heads = config.num_attention_heads;
        let head_dim = config.hidden_size / heads;
        ops.scope(&format!("{}.attention.self", self.name));
        let inputs = AttentionInputs { query: &query, key: &key, value: &value, mask, heads, head_dim };
        let context = ops.attention(&inputs)?;
        let output = self.attention_output.forward(ops, &context)?;
        ops.scope(&format!("{}.attention.output", self.name));
        let sum = ops.add(&output, hidden)?;
        self.attention_norm.forward(ops, &sum)
    }
}
