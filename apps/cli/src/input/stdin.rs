//! Standard input that can be given up: waiting for a person or a pipe must not outlast Ctrl-C.

use std::{
    io::{self, BufRead, Read},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

use crate::interrupt;

/// Bytes asked for at once.
const BLOCK_BYTES: usize = 1 << 18;
/// Blocks read ahead.
const BLOCKS: usize = 2;
/// How often it is looked whether to stop while nothing comes.
const POLL: Duration = Duration::from_millis(50);

/// Standard input, read by a thread of its own. (The system restarts a read that a signal interrupts, so a read in the
/// main thread would go on waiting.)
pub(crate) struct Stdin {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    taken: usize,
}

impl Stdin {
    pub(crate) fn start() -> Self {
        let (sender, blocks) = sync_channel(BLOCKS);
        thread::spawn(move || {
            let mut block = vec![0; BLOCK_BYTES];
            loop {
                let read = io::stdin().lock().read(&mut block).map(|n_bytes| block[..n_bytes].to_vec());
                let last = match &read {
                    Ok(bytes) => bytes.is_empty(),
                    Err(err) => err.kind() != io::ErrorKind::Interrupted,
                };
                if sender.send(read).is_err() || last {
                    return;
                }
            }
        });
        Self { blocks, block: Vec::new(), taken: 0 }
    }

    fn next_block(&self) -> io::Result<Vec<u8>> {
        loop {
            match self.blocks.recv_timeout(POLL) {
                Ok(block) => return block,
                Err(RecvTimeoutError::Timeout) if !interrupt::asked() => {}
                // Whoever reads finds out by itself that it was interrupted; after the end there is nothing more.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
            }
        }
    }
}

impl BufRead for Stdin {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.block.len() {
            self.block = self.next_block()?;
            self.taken = 0;
        }
        Ok(&self.block[self.taken..])
    }

    fn consume(&mut self, n_bytes: usize) {
        self.taken = (self.taken + n_bytes).min(self.block.len());
    }
}

impl Read for Stdin {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.fill_buf()?.read(out)?;
        self.consume(n_bytes);
        Ok(n_bytes)
    }
}
