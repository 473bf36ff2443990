//! Static models that are fitted: a table of token vectors trained to give what a transformer gives for texts.
//!
//! A [distilled](crate::distill) table knows every token by itself only. Here it is the start, and is then trained on
//! texts, of which nothing but the text is needed:
//!
//! 1. *Start.* Every token of the vocabulary is run through the transformer alone; the vectors are centred and scaled by
//!    the same weights as in distillation, and all of them by one number, so that the learning rate fits any model.
//! 2. *Teacher.* The transformer's vectors of all texts are computed and kept on disk in 16 bits.
//! 3. *Training.* With `s` the sum of the vectors of a text's tokens, `u = s / |s|`, `t` the transformer's vector less
//!    the mean of all and scaled to length 1, and `r` the transformer's vector scaled to length 1, the loss of a batch of
//!    `B` texts is
//!
//!    ```text
//!    L = 1/B Σᵢ (1 − uᵢ·tᵢ) + λ/B² Σᵢⱼ (uᵢ·uⱼ − rᵢ·rⱼ)²
//!    ```
//!
//!    The first part says where a text is, the second how it lies to others. The gradient is
//!
//!    ```text
//!    gᵢ = −tᵢ/B + 4λ/B² Σⱼ (uᵢ·uⱼ − rᵢ·rⱼ) uⱼ        ∂L/∂sᵢ = (gᵢ − (gᵢ·uᵢ) uᵢ) / |sᵢ|
//!    ```
//!
//!    and that of a token's vector is the sum of `∂L/∂sᵢ` over its occurrences. Steps are those of Adam (Kingma & Ba,
//!    arXiv:1412.6980) for the tokens of the batch; the others rest, and so do their moments. Every twentieth text or so
//!    is held out; training ends when their loss falls no more, and the table that was best for them is taken.
//! 4. *Principal components* of the table's rows, around the origin: unlike in distillation the origin is where training
//!    put it, and to centre the rows would turn every vector.
//!
//! # Invariants
//!
//! - Engines are seen only through the [`Teacher`] that is handed in.
//! - The same vectors of the teacher give the same files, byte for byte, on any number of threads, and whether or not it
//!   was interrupted: what was done is kept in the work folder, under a name derived from the model and the texts.
//! - A text is held in memory as the numbers of its tokens, and as nothing else.

mod checkpoint;
mod corpus;
mod loss;
mod options;
mod random;
mod run;
mod start;
mod table;
mod teacher;
mod train;
mod vector_file;
mod work;

#[cfg(test)]
mod tests;

pub use options::FitOptions;
pub use run::{FitJob, FitReport, Fitted, fit};
pub use teacher::{SingleTokens, Teacher, TextsOnce, TokenVectors};
