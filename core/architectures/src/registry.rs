//! The architectures this version knows, by the `model_type` of `config.json`.

use drivetrain_contract::{Error, Result};
use drivetrain_package::Package;

use crate::{
    Activation, WeightScope, albert, bert, classifier::Classifier, config::Config, deberta_v2, distilbert, electra,
    encoder::Encoder, eurobert, gte, jina_bert_v2, masked_lm::MaskedLm, modernbert, mpnet, nomic_bert, qwen3, roberta,
};

/// Every `model_type` that can be run.
pub const KNOWN_MODEL_TYPES: [&str; 15] = [
    "albert",
    "bert",
    "camembert",
    "deberta-v2",
    "distilbert",
    "electra",
    "eurobert",
    "gte",
    "modernbert",
    "mpnet",
    "new",
    "nomic_bert",
    "qwen3",
    "roberta",
    "xlm-roberta",
];

/// A known architecture: each has a file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Architecture {
    Albert,
    Bert,
    DebertaV2,
    DistilBert,
    Electra,
    EuroBert,
    Gte,
    JinaBertV2,
    ModernBert,
    MpNet,
    NomicBert,
    Qwen3,
    Roberta,
}

/// Makes sure that the architecture of a package is known.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Unsupported`] with those that are, where it is not.
pub fn check_architecture(package: &Package) -> Result<()> {
    Architecture::of(package, &Config::of(package)).map(|_| ())
}

impl Architecture {
    /// The architecture of `package`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for one that is not known.
    pub(crate) fn of(package: &Package, config: &Config<'_>) -> Result<Self> {
        Ok(match package.model_type() {
            Some("albert") => Self::Albert,
            Some("bert") if config.text("position_embedding_type", "absolute")? == jina_bert_v2::POSITIONS => {
                Self::JinaBertV2
            }
            Some("bert") => Self::Bert,
            Some("deberta-v2") => Self::DebertaV2,
            Some("distilbert") => Self::DistilBert,
            Some("electra") => Self::Electra,
            Some("eurobert") => Self::EuroBert,
            Some("gte" | "new") => Self::Gte,
            Some("modernbert") => Self::ModernBert,
            Some("mpnet") => Self::MpNet,
            Some("nomic_bert") => Self::NomicBert,
            Some("qwen3") => Self::Qwen3,
            Some("camembert" | "roberta" | "xlm-roberta") => Self::Roberta,
            other => return Err(unknown(package, other)),
        })
    }

    /// A tensor that every checkpoint has, by which the prefix of all names is found.
    pub(crate) fn probe(self) -> &'static str {
        match self {
            Self::Albert => albert::PROBE,
            Self::Bert => bert::PROBE,
            Self::DebertaV2 => deberta_v2::PROBE,
            Self::DistilBert => distilbert::PROBE,
            Self::Electra => electra::PROBE,
            Self::EuroBert => eurobert::PROBE,
            Self::Gte => gte::PROBE,
            Self::JinaBertV2 => jina_bert_v2::PROBE,
            Self::ModernBert => modernbert::PROBE,
            Self::MpNet => mpnet::PROBE,
            Self::NomicBert => nomic_bert::PROBE,
            Self::Qwen3 => qwen3::PROBE,
            Self::Roberta => roberta::PROBE,
        }
    }

    /// The transformer, with every weight taken from `scope`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] for a configuration or weights that are not as they must be,
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a variant this version cannot run.
    pub(crate) fn encoder<W>(self, config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
        match self {
            Self::Albert => albert::encoder(config, scope),
            Self::Bert => bert::encoder(config, scope),
            Self::DebertaV2 => deberta_v2::encoder(config, scope),
            Self::DistilBert => distilbert::encoder(config, scope),
            Self::Electra => electra::encoder(config, scope),
            Self::EuroBert => eurobert::encoder(config, scope),
            Self::Gte => gte::encoder(config, scope),
            Self::JinaBertV2 => jina_bert_v2::encoder(config, scope),
            Self::ModernBert => modernbert::encoder(config, scope),
            Self::MpNet => mpnet::encoder(config, scope),
            Self::NomicBert => nomic_bert::encoder(config, scope),
            Self::Qwen3 => qwen3::encoder(config, scope),
            Self::Roberta => roberta::encoder(config, scope),
        }
    }

    /// The head that scores texts.
    ///
    /// # Errors
    /// As for [`Architecture::encoder`].
    pub(crate) fn classifier<W>(
        self,
        config: &Config<'_>,
        scope: &mut WeightScope<'_, '_, W>,
    ) -> Result<Classifier<W>> {
        match self {
            Self::Albert => albert::classifier(config, scope),
            Self::Bert | Self::JinaBertV2 => bert::classifier(config, scope),
            Self::DebertaV2 => deberta_v2::classifier(config, scope),
            Self::DistilBert => distilbert::classifier(config, scope),
            Self::Electra => roberta::classifier(config, scope, Activation::Gelu),
            Self::Gte => gte::classifier(config, scope),
            Self::ModernBert => modernbert::classifier(config, scope),
            Self::MpNet | Self::Roberta => roberta::classifier(config, scope, Activation::Tanh),
            Self::Qwen3 => qwen3::classifier(config, scope),
            Self::EuroBert | Self::NomicBert => Err(self.without_head("sequence classification")),
        }
    }

    /// The head that scores every word for each token.
    ///
    /// # Errors
    /// As for [`Architecture::encoder`].
    pub(crate) fn masked_lm<W>(self, config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<MaskedLm<W>> {
        match self {
            Self::Bert => bert::masked_lm(config, scope),
            Self::DistilBert => distilbert::masked_lm(config, scope),
            Self::ModernBert => modernbert::masked_lm(config, scope),
            Self::MpNet | Self::Roberta => roberta::masked_lm(config, scope),
            _ => Err(self.without_head("masked language modelling")),
        }
    }

    fn without_head(self, head: &str) -> Error {
        Error::unsupported(format!("the head for {head} of the architecture {self:?} is not known to this version"))
            .with_hint("a package that brings its own ONNX file needs no architecture")
    }
}

fn unknown(package: &Package, model_type: Option<&str>) -> Error {
    let name = package.name();
    let message = match model_type {
        Some(model_type) => format!("`{name}` has the architecture `{model_type}`, which this version does not know"),
        None => format!("`{name}` does not say which architecture it has: its `config.json` has no `model_type`"),
    };
    Error::unsupported(message).with_hint(format!(
        "it knows {}; a model of another architecture runs from an ONNX file: put one into the package as \
         `onnx/model.onnx`",
        KNOWN_MODEL_TYPES.join(", ")
    ))
}
