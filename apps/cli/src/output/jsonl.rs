//! `{"embedding":[…]}` on each line, each number with as many digits as it takes to read it back exactly.

use std::io::{self, Write};

use drivetrain::Embeddings;

#[derive(serde::Serialize)]
struct Record<'a> {
    embedding: &'a [f32],
}

pub(crate) fn write(mut out: impl Write, embeddings: &Embeddings) -> io::Result<()> {
    for embedding in embeddings.rows() {
        serde_json::to_writer(&mut out, &Record { embedding })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
