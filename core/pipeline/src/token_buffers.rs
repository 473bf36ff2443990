//! Token batches in the width a session asks for, in memory that is reused.

use drivetrain_contract::{AlignedBuf, Batch, Error, IndexType, Inputs, PackedBatch, PaddedBatch, Result, TokenIds};
use drivetrain_package::Side;

use crate::{finish::Place, frame::Frame, lane::Tokenised};

/// What the tensors of a batch are made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout<'a> {
    /// Special tokens around each text.
    pub(crate) frame: &'a Frame,
    /// Fills places without a token.
    pub(crate) pad_id: u32,
    /// Where such places are.
    pub(crate) padding_side: Side,
    /// The tensors the session wants.
    pub(crate) inputs: Inputs,
}

/// Buffers for batches of one width.
#[derive(Debug)]
pub(crate) enum TokenBuffers {
    Wide(Columns<i64>),
    Narrow(Columns<i32>),
}

impl TokenBuffers {
    /// Empty buffers.
    pub(crate) fn new(index_type: IndexType) -> Self {
        match index_type {
            IndexType::I64 => Self::Wide(Columns::default()),
            IndexType::I32 => Self::Narrow(Columns::default()),
        }
    }

    /// A rectangle as long as the longest text.
    pub(crate) fn padded(
        &mut self,
        texts: &[Tokenised<'_>],
        layout: Layout<'_>,
        places: &mut Vec<Place>,
    ) -> Result<Batch<'_>> {
        match self {
            Self::Wide(columns) => columns.padded(texts, layout, places),
            Self::Narrow(columns) => columns.padded(texts, layout, places),
        }
    }

    /// One text after the other.
    pub(crate) fn packed(
        &mut self,
        texts: &[Tokenised<'_>],
        layout: Layout<'_>,
        places: &mut Vec<Place>,
    ) -> Result<Batch<'_>> {
        match self {
            Self::Wide(columns) => columns.packed(texts, layout, places),
            Self::Narrow(columns) => columns.packed(texts, layout, places),
        }
    }
}

/// The tensors of a batch.
#[derive(Debug)]
pub(crate) struct Columns<T> {
    ids: AlignedBuf<T>,
    mask: AlignedBuf<T>,
    types: AlignedBuf<T>,
    positions: AlignedBuf<T>,
    cu_seqlens: AlignedBuf<i32>,
}

impl<T: Copy + Default> Default for Columns<T> {
    fn default() -> Self {
        Self {
            ids: AlignedBuf::new(),
            mask: AlignedBuf::new(),
            types: AlignedBuf::new(),
            positions: AlignedBuf::new(),
            cu_seqlens: AlignedBuf::new(),
        }
    }
}

impl<T: Index> Columns<T> {
    fn padded(&mut self, texts: &[Tokenised<'_>], layout: Layout<'_>, places: &mut Vec<Place>) -> Result<Batch<'_>> {
        let special = layout.frame.len();
        let length = texts.iter().map(|text| text.content.len() + special).max().unwrap_or(0);
        self.reset(texts.len() * length)?;
        self.ids.fill(T::of(layout.pad_id)?);
        for (row, text) in texts.iter().enumerate() {
            let len = text.content.len() + special;
            let lead = if layout.padding_side == Side::Left { length - len } else { 0 };
            let place = Place { idx: text.idx, start: row * length + lead, len };
            self.write(place, text.content, layout.frame)?;
            places.push(place);
        }
        let mut batch = PaddedBatch::new(texts.len(), length, T::ids(&self.ids), T::ids(&self.mask))?;
        if layout.inputs.contains(Inputs::TOKEN_TYPE_IDS) {
            batch = batch.with_token_type_ids(T::ids(&self.types))?;
        }
        if layout.inputs.contains(Inputs::POSITION_IDS) {
            batch = batch.with_position_ids(T::ids(&self.positions))?;
        }
        Ok(Batch::Padded(batch))
    }

    fn packed(&mut self, texts: &[Tokenised<'_>], layout: Layout<'_>, places: &mut Vec<Place>) -> Result<Batch<'_>> {
        let special = layout.frame.len();
        let total: usize = texts.iter().map(|text| text.content.len() + special).sum();
        if i32::try_from(total).is_err() {
            return Err(Error::invalid(format!("a batch of {total} tokens is too large to be packed")));
        }
        self.reset(total)?;
        self.cu_seqlens.try_reset(texts.len() + 1)?;
        let mut start = 0;
        for (text, end) in texts.iter().zip(1..) {
            let place = Place { idx: text.idx, start, len: text.content.len() + special };
            self.write(place, text.content, layout.frame)?;
            start += place.len;
            self.cu_seqlens[end] = start as i32;
            places.push(place);
        }
        let positions = layout.inputs.contains(Inputs::POSITION_IDS).then(|| T::ids(&self.positions));
        Ok(Batch::Packed(PackedBatch::new(T::ids(&self.ids), &self.cu_seqlens, positions)?))
    }

    fn reset(&mut self, len: usize) -> Result<()> {
        [&mut self.ids, &mut self.mask, &mut self.types, &mut self.positions]
            .into_iter()
            .try_for_each(|buffer| buffer.try_reset(len))
    }

    fn write(&mut self, place: Place, content: &[u32], frame: &Frame) -> Result<()> {
        for (position, token) in frame.tokens(content).enumerate() {
            let at = place.start + position;
            self.ids[at] = T::of(token.id)?;
            self.mask[at] = T::of(1)?;
            self.types[at] = T::of(token.type_id)?;
            self.positions[at] = T::of(position as u32)?;
        }
        Ok(())
    }
}

/// A width of token ids.
pub(crate) trait Index: Copy + Default + TryFrom<u32> {
    /// The slice as the contract names it.
    fn ids(slice: &[Self]) -> TokenIds<'_>;

    /// The number in this width.
    fn of(number: u32) -> Result<Self> {
        Self::try_from(number).map_err(|_| Error::model(format!("token id {number} does not fit into 32 bits")))
    }
}

impl Index for i64 {
    fn ids(slice: &[Self]) -> TokenIds<'_> {
        TokenIds::I64(slice)
    }
}

impl Index for i32 {
    fn ids(slice: &[Self]) -> TokenIds<'_> {
        TokenIds::I32(slice)
    }
}
