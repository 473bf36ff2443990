//! The three kinds of input a session can take, each checked when it is built.

use crate::{Error, Result};

bitflags::bitflags! {
    /// The input tensors a session wants. The bits are those of the plugin ABI.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
    pub struct Inputs: u64 {
        /// `input_ids`
        const INPUT_IDS = 1;
        /// `attention_mask`
        const ATTENTION_MASK = 2;
        /// `token_type_ids`
        const TOKEN_TYPE_IDS = 4;
        /// `position_ids`
        const POSITION_IDS = 8;
        /// `cu_seqlens`
        const CU_SEQLENS = 16;
        /// `text_bytes`
        const TEXT_BYTES = 32;
        /// `text_offsets`
        const TEXT_OFFSETS = 64;
    }
}

/// Input of one run.
#[derive(Clone, Copy, Debug)]
pub enum Batch<'a> {
    /// UTF-8 texts; the session tokenises.
    Text(TextBatch<'a>),
    /// Token ids one text after the other, without padding.
    Packed(PackedBatch<'a>),
    /// Token ids in a rectangle, with a mask.
    Padded(PaddedBatch<'a>),
}

impl Batch<'_> {
    /// Number of texts.
    pub fn size(&self) -> usize {
        match self {
            Batch::Text(batch) => batch.size(),
            Batch::Packed(batch) => batch.size(),
            Batch::Padded(batch) => batch.size(),
        }
    }

    /// What a message calls this kind of input.
    pub fn kind(&self) -> &'static str {
        match self {
            Batch::Text(_) => "text",
            Batch::Packed(_) => "packed",
            Batch::Padded(_) => "padded",
        }
    }

    /// The padded batch, for a session that takes nothing else.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] when the batch is of another kind.
    pub fn as_padded(&self) -> Result<&PaddedBatch<'_>> {
        match self {
            Batch::Padded(batch) => Ok(batch),
            other => Err(wrong_kind(other, "padded")),
        }
    }

    /// The text batch, for a session that takes nothing else.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] when the batch is of another kind.
    pub fn as_text(&self) -> Result<&TextBatch<'_>> {
        match self {
            Batch::Text(batch) => Ok(batch),
            other => Err(wrong_kind(other, "text")),
        }
    }
}

fn wrong_kind(batch: &Batch<'_>, wanted: &str) -> Error {
    Error::unsupported(format!("this session takes {wanted} input, not {}", batch.kind()))
}

/// Texts as one run of UTF-8 bytes with offsets.
#[derive(Clone, Copy, Debug)]
pub struct TextBatch<'a> {
    text: &'a str,
    offsets: &'a [i64],
}

impl<'a> TextBatch<'a> {
    /// Text `i` is `text[offsets[i]..offsets[i + 1]]`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] unless the offsets begin at 0, ascend, end at the length of the text and fall on
    /// character boundaries.
    pub fn new(text: &'a str, offsets: &'a [i64]) -> Result<Self> {
        check_offsets(offsets.iter().copied(), text.len(), "text_offsets")?;
        match offsets.iter().position(|&offset| !text.is_char_boundary(offset as usize)) {
            Some(idx) => Err(Error::invalid(format!("`text_offsets[{idx}]` is inside a character"))),
            None => Ok(Self { text, offsets }),
        }
    }

    /// Number of texts.
    pub fn size(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The texts in order.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        let (text, offsets) = (self.text, self.offsets);
        offsets.windows(2).map(move |pair| &text[pair[0] as usize..pair[1] as usize])
    }

    /// All texts without separators.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// `size + 1` byte offsets.
    pub fn offsets(&self) -> &'a [i64] {
        self.offsets
    }
}

/// Token ids or masks in the width the session asks for.
#[derive(Clone, Copy, Debug)]
pub enum TokenIds<'a> {
    /// 64-bit.
    I64(&'a [i64]),
    /// 32-bit.
    I32(&'a [i32]),
}

impl TokenIds<'_> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            TokenIds::I64(ids) => ids.len(),
            TokenIds::I32(ids) => ids.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn is_wide(&self) -> bool {
        matches!(self, TokenIds::I64(_))
    }
}

/// Tokens of all texts one after the other.
#[derive(Clone, Copy, Debug)]
pub struct PackedBatch<'a> {
    input_ids: TokenIds<'a>,
    cu_seqlens: &'a [i32],
    position_ids: Option<TokenIds<'a>>,
}

impl<'a> PackedBatch<'a> {
    /// Text `i` has the tokens `cu_seqlens[i]..cu_seqlens[i + 1]`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] unless the offsets begin at 0, ascend and end at the number of ids, and
    /// `position_ids`, if any, has as many elements of the same width.
    pub fn new(input_ids: TokenIds<'a>, cu_seqlens: &'a [i32], position_ids: Option<TokenIds<'a>>) -> Result<Self> {
        check_offsets(cu_seqlens.iter().map(|&offset| i64::from(offset)), input_ids.len(), "cu_seqlens")?;
        check_same(&input_ids, position_ids.as_ref(), "position_ids")?;
        Ok(Self { input_ids, cu_seqlens, position_ids })
    }

    /// Number of texts.
    pub fn size(&self) -> usize {
        self.cu_seqlens.len() - 1
    }

    /// Ids `[tokens]`.
    pub fn input_ids(&self) -> TokenIds<'a> {
        self.input_ids
    }

    /// `size + 1` token offsets.
    pub fn cu_seqlens(&self) -> &'a [i32] {
        self.cu_seqlens
    }

    /// Position of each token in its text, `[tokens]`, where the session wants it.
    pub fn position_ids(&self) -> Option<TokenIds<'a>> {
        self.position_ids
    }
}

/// Tokens in a rectangle `[size, length]`, row-major, with a mask that is 1 for tokens and 0 for padding.
#[derive(Clone, Copy, Debug)]
pub struct PaddedBatch<'a> {
    size: usize,
    length: usize,
    input_ids: TokenIds<'a>,
    attention_mask: TokenIds<'a>,
    token_type_ids: Option<TokenIds<'a>>,
    position_ids: Option<TokenIds<'a>>,
}

impl<'a> PaddedBatch<'a> {
    /// A batch of `size` rows of `length` tokens.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] unless `size` and `length` are positive and both tensors hold `size * length`
    /// elements of one width.
    pub fn new(size: usize, length: usize, input_ids: TokenIds<'a>, attention_mask: TokenIds<'a>) -> Result<Self> {
        if size == 0 || length == 0 || size.checked_mul(length) != Some(input_ids.len()) {
            return Err(Error::invalid(format!(
                "`input_ids` has {} elements, which is not a batch of {size} × {length}",
                input_ids.len()
            )));
        }
        check_same(&input_ids, Some(&attention_mask), "attention_mask")?;
        Ok(Self { size, length, input_ids, attention_mask, token_type_ids: None, position_ids: None })
    }

    /// The same batch with the segment of each token.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] unless it has the shape and width of the ids.
    pub fn with_token_type_ids(mut self, ids: TokenIds<'a>) -> Result<Self> {
        check_same(&self.input_ids, Some(&ids), "token_type_ids")?;
        self.token_type_ids = Some(ids);
        Ok(self)
    }

    /// The same batch with the position of each token.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] unless it has the shape and width of the ids.
    pub fn with_position_ids(mut self, ids: TokenIds<'a>) -> Result<Self> {
        check_same(&self.input_ids, Some(&ids), "position_ids")?;
        self.position_ids = Some(ids);
        Ok(self)
    }

    /// Number of texts.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Tokens in each row, padding included.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The tensors present, in the order of the bits of [`Inputs`].
    pub fn tensors(&self) -> impl Iterator<Item = (Inputs, TokenIds<'a>)> + use<'a> {
        [
            (Inputs::INPUT_IDS, Some(self.input_ids)),
            (Inputs::ATTENTION_MASK, Some(self.attention_mask)),
            (Inputs::TOKEN_TYPE_IDS, self.token_type_ids),
            (Inputs::POSITION_IDS, self.position_ids),
        ]
        .into_iter()
        .filter_map(|(name, ids)| ids.map(|ids| (name, ids)))
    }

    /// One tensor by its single-bit name, if present.
    pub fn tensor(&self, name: Inputs) -> Option<TokenIds<'a>> {
        self.tensors().find(|(present, _)| *present == name).map(|(_, ids)| ids)
    }
}

impl Inputs {
    /// The name of a single input tensor, as graphs and the plugin ABI spell it.
    pub fn name(self) -> &'static str {
        match self {
            Inputs::INPUT_IDS => "input_ids",
            Inputs::ATTENTION_MASK => "attention_mask",
            Inputs::TOKEN_TYPE_IDS => "token_type_ids",
            Inputs::POSITION_IDS => "position_ids",
            Inputs::CU_SEQLENS => "cu_seqlens",
            Inputs::TEXT_BYTES => "text_bytes",
            Inputs::TEXT_OFFSETS => "text_offsets",
            _ => "(several)",
        }
    }

    /// The single input tensor with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().iter().find(|input| input.name() == name)
    }
}

fn check_offsets(offsets: impl Iterator<Item = i64> + Clone, end: usize, name: &str) -> Result<()> {
    let first = offsets.clone().next();
    let last = offsets.clone().last();
    let ascending = offsets.clone().zip(offsets.skip(1)).all(|(a, b)| a <= b);
    if first != Some(0) || last != i64::try_from(end).ok() || !ascending {
        return Err(Error::invalid(format!("`{name}` must ascend from 0 to {end}")));
    }
    Ok(())
}

fn check_same(ids: &TokenIds<'_>, other: Option<&TokenIds<'_>>, name: &str) -> Result<()> {
    match other {
        Some(other) if other.len() != ids.len() || other.is_wide() != ids.is_wide() => Err(Error::invalid(format!(
            "`{name}` must have the same shape and width as `input_ids` ({} elements, not {})",
            ids.len(),
            other.len()
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_batches_are_cut_at_character_boundaries() {
        let batch = TextBatch::new("añb", &[0, 1, 3, 3, 4]).unwrap();
        assert_eq!(batch.texts().collect::<Vec<_>>(), ["a", "ñ", "", "b"]);
        for offsets in [&[0, 2, 4][..], &[0, 3], &[1, 4], &[0, 3, 1, 4], &[], &[0, 5]] {
            assert!(TextBatch::new("añb", offsets).is_err(), "{offsets:?}");
        }
    }

    #[test]
    fn padded_batches_need_one_shape_and_one_width() {
        let ids = [1i64; 6];
        let mask = [1i64; 6];
        let batch = PaddedBatch::new(2, 3, TokenIds::I64(&ids), TokenIds::I64(&mask)).unwrap();
        assert_eq!(batch.tensors().count(), 2);
        assert!(batch.with_token_type_ids(TokenIds::I64(&ids[..5])).is_err());
        assert!(PaddedBatch::new(2, 2, TokenIds::I64(&ids), TokenIds::I64(&mask)).is_err());
        assert!(PaddedBatch::new(2, 3, TokenIds::I64(&ids), TokenIds::I32(&[1; 6])).is_err());
        assert!(PaddedBatch::new(0, 3, TokenIds::I64(&[]), TokenIds::I64(&[])).is_err());
    }

    #[test]
    fn packed_batches_need_ascending_offsets() {
        let ids = TokenIds::I32(&[5, 6, 7]);
        assert_eq!(PackedBatch::new(ids, &[0, 1, 3], None).unwrap().size(), 2);
        assert!(PackedBatch::new(ids, &[0, 2, 1, 3], None).is_err());
        assert!(PackedBatch::new(ids, &[0, 3], Some(TokenIds::I32(&[0]))).is_err());
    }

    #[test]
    fn input_names_round_trip() {
        for input in Inputs::all().iter() {
            assert_eq!(Inputs::named(input.name()), Some(input));
        }
        assert_eq!(Inputs::named("past_key_values"), None);
    }
}
