//! A session that looks token vectors up in a formula, so that every result can be computed again by hand.

use std::sync::{Arc, Mutex};

use drivetrain_contract::{
    Batch, Call, Capabilities, Error, IndexType, Inputs, Output, OutputMut, Outputs, Result, Session, SessionInfo,
    TokenIds,
};

/// Numbers in a token vector.
pub(crate) const HIDDEN: usize = 48;

/// Shape of one run: texts and tokens, padding included.
pub(crate) type Run = (usize, usize);

/// What to pretend.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) info: SessionInfo,
    /// The token id whose vector is not a number.
    pub(crate) broken_id: Option<u32>,
    pub(crate) runs: Arc<Mutex<Vec<Run>>>,
    /// The texts of every run with text.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
}

/// The vector of a token at a position of its text.
pub(crate) fn token_vector(id: u32, position: usize) -> Vec<f32> {
    (0..HIDDEN).map(|at| (id as f32 * 0.37 + at as f32 * 1.3 + position as f32 * 0.7).sin()).collect()
}

/// Sum over tokens divided by their number, then by the Euclidean length.
pub(crate) fn normalised_mean(tokens: &[Vec<f32>]) -> Vec<f32> {
    let mean: Vec<f32> =
        (0..HIDDEN).map(|at| tokens.iter().map(|token| token[at]).sum::<f32>() / tokens.len() as f32).collect();
    normalised(&mean)
}

pub(crate) fn normalised(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    vector.iter().map(|number| number / length).collect()
}

impl Table {
    pub(crate) fn new(capabilities: Capabilities, outputs: Outputs) -> Self {
        let inputs = Inputs::INPUT_IDS | Inputs::ATTENTION_MASK | Inputs::TOKEN_TYPE_IDS | Inputs::POSITION_IDS;
        let inputs = if capabilities.contains(Capabilities::PADDED_IN) { inputs } else { Inputs::empty() };
        let info = SessionInfo { capabilities, outputs, inputs, dim: HIDDEN, hidden: HIDDEN, ..SessionInfo::default() };
        Self { info, broken_id: None, runs: Arc::default(), seen: Arc::default() }
    }

    pub(crate) fn padded() -> Self {
        Self::new(Capabilities::PADDED_IN, Outputs::LAST_HIDDEN_STATE)
    }

    pub(crate) fn packed() -> Self {
        Self::new(Capabilities::PACKED_IN, Outputs::LAST_HIDDEN_STATE)
    }

    pub(crate) fn narrow(mut self) -> Self {
        self.info.index_type = IndexType::I32;
        self
    }

    fn token(&self, id: u32, position: usize) -> Vec<f32> {
        if self.broken_id == Some(id) { vec![f32::NAN; HIDDEN] } else { token_vector(id, position) }
    }

    /// Token vectors of each text, and the rectangle or line of all places with NaN where no token is.
    fn compute(&self, batch: &Batch<'_>) -> (Vec<Vec<Vec<f32>>>, Vec<f32>) {
        let (mut texts, mut places) = (Vec::new(), Vec::new());
        match batch {
            Batch::Text(batch) => {
                for text in batch.texts() {
                    self.seen.lock().unwrap().push(text.to_owned());
                    texts.push(vec![token_vector(text.len() as u32, 0)]);
                }
            }
            Batch::Packed(batch) => {
                let ids = numbers(batch.input_ids());
                for span in batch.cu_seqlens().windows(2) {
                    let ids = &ids[span[0] as usize..span[1] as usize];
                    let tokens: Vec<_> = ids.iter().enumerate().map(|(at, &id)| self.token(id, at)).collect();
                    places.extend(tokens.concat());
                    texts.push(tokens);
                }
            }
            Batch::Padded(batch) => {
                let tensor = |name| numbers(batch.tensor(name).expect("the session wants it"));
                let (ids, mask) = (tensor(Inputs::INPUT_IDS), tensor(Inputs::ATTENTION_MASK));
                let (types, positions) = (tensor(Inputs::TOKEN_TYPE_IDS), tensor(Inputs::POSITION_IDS));
                assert!(types.iter().all(|&segment| segment == 0));
                for row in 0..batch.size() {
                    let mut tokens = Vec::new();
                    for at in row * batch.length()..(row + 1) * batch.length() {
                        if mask[at] == 1 {
                            assert_eq!(positions[at] as usize, tokens.len());
                            tokens.push(self.token(ids[at], tokens.len()));
                            places.extend(tokens.last().unwrap());
                        } else {
                            assert_eq!(ids[at], 0, "[PAD] is 0");
                            places.extend([f32::NAN; HIDDEN]);
                        }
                    }
                    texts.push(tokens);
                }
            }
        }
        (texts, places)
    }
}

fn numbers(ids: TokenIds<'_>) -> Vec<u32> {
    match ids {
        TokenIds::I64(ids) => ids.iter().map(|&id| id as u32).collect(),
        TokenIds::I32(ids) => ids.iter().map(|&id| id as u32).collect(),
    }
}

impl Session for Table {
    fn describe(&self) -> &SessionInfo {
        &self.info
    }

    fn output_shape(&self, batch: &Batch<'_>, output: Output) -> Result<Vec<usize>> {
        match (output, batch) {
            (Output::SentenceEmbedding, _) => Ok(vec![batch.size(), HIDDEN]),
            (Output::LastHiddenState, Batch::Padded(padded)) => Ok(vec![padded.size(), padded.length(), HIDDEN]),
            (Output::LastHiddenState, Batch::Packed(packed)) => Ok(vec![packed.input_ids().len(), HIDDEN]),
            _ => Err(Error::unsupported("no such output")),
        }
    }

    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], call: &dyn Call) -> Result<()> {
        call.check()?;
        let wide = matches!(batch, Batch::Padded(padded) if matches!(padded.tensor(Inputs::INPUT_IDS), Some(TokenIds::I64(_))));
        assert!(!matches!(batch, Batch::Padded(_)) || wide == (self.info.index_type == IndexType::I64));
        let (texts, places) = self.compute(batch);
        self.runs.lock().unwrap().push((texts.len(), places.len() / HIDDEN));
        for output in outputs {
            assert_eq!(output.data().as_ptr().addr() % 64, 0);
            match output.output() {
                Output::LastHiddenState => output.data().copy_from_slice(&places),
                _ => {
                    let pooled: Vec<f32> = texts.iter().flat_map(|tokens| normalised_mean(tokens)).collect();
                    output.data().copy_from_slice(&pooled);
                }
            }
        }
        Ok(())
    }
}
