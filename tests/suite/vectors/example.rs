//! The library's examples run.

use drivetrain_tests::{Program, Rig};

#[test]
fn the_example_embeds() {
    let Some(rig) = Rig::new() else { return };
    let outcome = Program::new(&rig.example("embed")).env("DRIVETRAIN_HOME", rig.home()).run().succeeded();
    assert!(outcome.stdout.contains("256"), "{}", outcome.stdout);
}
