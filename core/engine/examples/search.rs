//! A profile of one's own, prompts by name, and news while the engine gets ready: the best answer to a question.
//!
//! `cargo run -p drivetrain --example search [MODEL]`, where the model is a folder or the name of an installed one.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::env;

use drivetrain::{Embeddings, Engine, Event, Layer, Origin, Profile, Prompt, Result};

const DOCUMENTS: [&str; 3] = [
    "The tide comes in twice a day.",
    "Bread rises because yeast makes gas.",
    "A mortgage is a loan that a house stands for.",
];

fn main() -> Result<()> {
    let mut layer = Layer::text("threads = 1")?;
    if let Some(model) = env::args().nth(1) {
        layer.set("model", model, Origin::Program);
    }
    let profile = Profile::build(&[layer])?;

    let documents = embed(&profile, "document", &DOCUMENTS)?;
    let question = embed(&profile, "query", &["Why does dough get bigger?"])?;

    // The vectors of these models have length 1, so the scalar product is the cosine.
    let cosine = |vector: &[f32]| vector.iter().zip(question.row(0)).map(|(x, y)| x * y).sum::<f32>();
    for (text, vector) in DOCUMENTS.iter().zip(documents.rows()) {
        println!("{:.4}  {text}", cosine(vector));
    }
    Ok(())
}

/// The vectors of `texts`, each after the model's prompt of this name.
fn embed(profile: &Profile, prompt_name: &str, texts: &[&str]) -> Result<Embeddings> {
    let engine = Engine::builder(profile)
        .prompt(Prompt::Named(prompt_name.to_owned()))
        .on_event(|event| {
            if let Event::Converting { target, .. } = event {
                println!("writing `{}`, once", target.display());
            }
        })
        .build()?;
    engine.embed(texts)
}
