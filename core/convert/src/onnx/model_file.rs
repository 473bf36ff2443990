//! A model written to disk: lengths first, then the weights as they are read.

use std::path::Path;

use drivetrain_contract::{Error, Result};
use sha2::{Digest, Sha256};

use super::{
    export::Progress,
    graph::{Graph, Parts},
    proto::Message,
    schema::{self, GRAPH_INITIALIZER, MODEL_GRAPH, Storage},
    staged::StagedFile,
    tensor::Tensor,
};

/// Weights in a data file begin at multiples of this, the largest common page size that readers map files by.
const ALIGNMENT: u64 = 4096;

/// Largest message that readers of protocol buffers accept.
pub(crate) const MAX_MESSAGE_BYTES: u64 = i32::MAX as u64;

/// Key of the hash in the model's metadata.
const HASH_KEY: &str = "drivetrain.weights_sha256";

/// A finished graph with its description, ready to be written.
#[derive(Debug)]
pub(crate) struct ModelFile<'a> {
    graph: Parts<'a>,
    metadata: Vec<(&'static str, String)>,
}

/// Where a model went.
#[derive(Debug)]
pub(crate) struct Written {
    /// Length of the model file.
    pub(crate) model_bytes: u64,
    /// Name and length of the data file, if there is one.
    pub(crate) data: Option<(String, u64)>,
}

impl<'a> ModelFile<'a> {
    pub(crate) fn new(graph: Graph<'a>, name: &str, metadata: Vec<(&'static str, String)>) -> Self {
        Self { graph: graph.into_parts(name), metadata }
    }

    /// Number of weights and of their elements.
    pub(crate) fn weights(&self) -> (usize, u64) {
        self.stored().fold((0, 0), |(count, elements), tensor| (count + 1, elements + tensor.n_elements()))
    }

    /// Writes `target`, and the weights to a data file beside it if the model would have more than `max_file_bytes`.
    pub(crate) fn write(
        &self,
        target: &Path,
        max_file_bytes: u64,
        progress: &mut dyn FnMut(Progress<'_>) -> Result<()>,
    ) -> Result<Written> {
        let total = self.stored().map(Tensor::n_bytes).sum();
        let mut weights = WeightWriter { total, written: 0, hash: Sha256::new(), progress };
        let whole = self.layout(None);
        if whole.model_bytes(&self.metadata) <= max_file_bytes.min(MAX_MESSAGE_BYTES) {
            let mut staged = StagedFile::create_beside(target)?;
            self.write_model(&mut staged, &whole, &mut weights)?;
            let model_bytes = staged.written();
            staged.publish(target)?;
            return Ok(Written { model_bytes, data: None });
        }
        self.write_split(target, weights)
    }

    /// The data file's name is derived from its contents. So a model never meets another one's data: of two processes
    /// that write the same target, each publishes data and then the model that refers to it, and whichever model stays
    /// finds its own. The data file of an earlier model stays too, since a reader may be about to open it.
    fn write_split(&self, target: &Path, mut weights: WeightWriter<'_>) -> Result<Written> {
        let mut data = StagedFile::create_beside(target)?;
        let mut offsets = Vec::new();
        for tensor in self.stored() {
            let offset = data.written().next_multiple_of(ALIGNMENT);
            let gap = vec![0; (offset - data.written()) as usize];
            weights.hash.update(&gap);
            data.write(&gap)?;
            offsets.push(offset);
            weights.write(tensor, &mut data)?;
        }
        data.flush()?;
        let stem = target.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{stem}-{}.onnx_data", &weights.hash()[..16]);

        let layout = self.layout(Some(&DataFile { name: &name, offsets }));
        let mut model = StagedFile::create_beside(target)?;
        self.write_model(&mut model, &layout, &mut weights)?;
        model.flush()?;
        let written = Written { model_bytes: model.written(), data: Some((name.clone(), data.written())) };
        data.publish_by_content(&target.with_file_name(&name))?;
        model.publish(target)?;
        Ok(written)
    }

    fn stored(&self) -> impl Iterator<Item = &Tensor<'a>> {
        self.graph.tensors.iter().filter(|tensor| tensor.is_stored())
    }

    /// Every length of the model file, with the weights inside it or in `data`.
    fn layout(&self, data: Option<&DataFile<'_>>) -> Layout {
        let mut offsets = data.iter().flat_map(|data| data.offsets.iter().copied());
        let mut tensor_heads = Vec::with_capacity(self.graph.tensors.len());
        let mut graph_bytes = self.graph.head.len() + self.graph.tail.len();
        for tensor in &self.graph.tensors {
            let len = tensor.n_bytes();
            let (storage, inside) = match data {
                Some(data) if tensor.is_stored() => {
                    (Storage::External { file: data.name, offset: offsets.next().unwrap_or_default(), len }, 0)
                }
                _ => (Storage::Embedded { len }, len),
            };
            let fields = schema::tensor(&tensor.name, tensor.element_type(), &tensor.dims, storage);
            let mut head = Message::new().announce(GRAPH_INITIALIZER, fields.len() + inside);
            head.merge(&fields);
            graph_bytes += head.len() + inside;
            tensor_heads.push(TensorHead { head, inside: inside > 0 });
        }
        let head = schema::model_head(self.graph.contributed).announce(MODEL_GRAPH, graph_bytes);
        Layout { head, tensor_heads, graph_bytes }
    }

    fn write_model(&self, file: &mut StagedFile, layout: &Layout, weights: &mut WeightWriter<'_>) -> Result<()> {
        file.write(layout.head.as_bytes())?;
        file.write(self.graph.head.as_bytes())?;
        for (tensor, TensorHead { head, inside }) in self.graph.tensors.iter().zip(&layout.tensor_heads) {
            file.write(head.as_bytes())?;
            match inside {
                true if tensor.is_stored() => weights.write(tensor, file)?,
                true => tensor.for_each_piece(&mut |piece| file.write(piece))?,
                false => {}
            }
        }
        file.write(self.graph.tail.as_bytes())?;
        let expected = layout.head.len() + layout.graph_bytes;
        if file.written() != expected {
            let message = format!("a model of {expected} bytes was written as {}", file.written());
            return Err(Error::internal(message));
        }
        file.write(schema::metadata(&self.metadata).as_bytes())?;
        file.write(schema::metadata(&[(HASH_KEY, weights.hash())]).as_bytes())
    }
}

/// The file beside the model, for weights in the order of the graph.
struct DataFile<'n> {
    name: &'n str,
    offsets: Vec<u64>,
}

/// The parts of a model file whose bytes depend on lengths.
struct Layout {
    /// Everything before the fields of the graph.
    head: Message,
    tensor_heads: Vec<TensorHead>,
    graph_bytes: u64,
}

struct TensorHead {
    head: Message,
    /// Whether the tensor's bytes follow.
    inside: bool,
}

impl Layout {
    fn model_bytes(&self, metadata: &[(&'static str, String)]) -> u64 {
        let hash = schema::metadata(&[(HASH_KEY, "0".repeat(64))]);
        self.head.len() + self.graph_bytes + schema::metadata(metadata).len() + hash.len()
    }
}

/// Copies weights, hashing them on the way.
struct WeightWriter<'p> {
    total: u64,
    written: u64,
    hash: Sha256,
    progress: &'p mut dyn FnMut(Progress<'_>) -> Result<()>,
}

impl WeightWriter<'_> {
    fn write(&mut self, tensor: &Tensor<'_>, file: &mut StagedFile) -> Result<()> {
        tensor.for_each_piece(&mut |piece| {
            file.write(piece)?;
            self.hash.update(piece);
            self.written += piece.len() as u64;
            let (written_bytes, total_bytes) = (self.written, self.total);
            (self.progress)(Progress { tensor: &tensor.name, written_bytes, total_bytes })
        })
    }

    /// The hash of all weights so far, in hexadecimal.
    fn hash(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
