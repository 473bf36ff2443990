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
    let raw = Counted { inner: File::open(path)?, counts: Arc::clone(counts) };
    let raw = BufReader::with_capacity(BLOCK_BYTES, raw);
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

/// Counts what is read.
struct Counted<R> {
    inner: R,
    counts: Arc<Counts>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.inner.read(out)?;
        self.counts.add_bytes(n_bytes as u64);
        Ok(n_bytes)
    }
}
