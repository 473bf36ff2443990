//! Files as streams of bytes: counted, and unpacked where their name says that they are packed.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::Arc,
};

use flate2::bufread::MultiGzDecoder;

use super::{counts::Counts, format::Packing};

/// Bytes asked for at once.
const BLOCK_BYTES: usize = 1 << 18;
/// Log2 of the memory a zstd stream may ask for, as the reference decoder allows without `--long`.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Opens a file for reading from its beginning.
pub(super) fn open(path: &Path, packing: Packing, counts: &Arc<Counts>) -> io::Result<Box<dyn BufRead + Send>> {
    let raw = BufReader::with_capacity(BLOCK_BYTES, File::open(path)?);
    let raw = Counted { inner: raw, counts: Arc::clone(counts) };
    Ok(match packing {
        Packing::Plain => Box::new(raw),
        // Both formats may have several members one after the other, as parallel packers write them.
        Packing::Gzip => Box::new(BufReader::with_capacity(BLOCK_BYTES, MultiGzDecoder::new(raw))),
        Packing::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(raw)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(BufReader::with_capacity(BLOCK_BYTES, decoder))
        }
    })
}

/// Counts what is used, which may be far less than what is read at once.
struct Counted<R> {
    inner: R,
    counts: Arc<Counts>,
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, n_bytes: usize) {
        self.inner.consume(n_bytes);
        self.counts.add_bytes(n_bytes as u64);
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.inner.read(out)?;
        self.counts.add_bytes(n_bytes as u64);
        Ok(n_bytes)
    }
}
