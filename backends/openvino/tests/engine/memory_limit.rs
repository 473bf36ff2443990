//! What happens when memory runs out.
#![cfg(target_os = "linux")]

use drivetrain_contract::{Backend, ErrorKind, NoCall, Output, Session, SessionOptions};

use crate::{
    alone::alone_within,
    groups::group,
    rig::{backend, matrix_graph, model, options, run},
};

/// 3 GiB of address space: enough for the libraries and small batches, not for activations of gigabytes.
const KILOBYTES: u64 = 3 << 20;

#[track_caller]
fn check(test: &str, options: &SessionOptions) {
    if backend().is_none() {
        return;
    }
    alone_within(KILOBYTES, test, || {
        let backend = backend().unwrap();
        let model = model(matrix_graph(3));
        let create = || backend.create_session(&model, options, &NoCall).unwrap();
        let small = |session: &mut dyn Session| {
            let hidden = run(session, &[0; 64], 1, Output::LastHiddenState, &NoCall).unwrap();
            assert!(hidden.iter().all(|number| (number - 1.0).abs() < 1e-3));
        };
        let (mut session, mut other) = (create(), create());
        small(&mut *session);
        small(&mut *other);
        let many = vec![0; 1 << 20];
        let err = run(&mut *session, &many, 1, Output::LastHiddenState, &NoCall).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::OutOfMemory, "{}", err.to_text());
        small(&mut *session);
        small(&mut *other);
    });
}

#[test]
fn a_batch_for_which_there_is_no_memory_says_so_and_the_session_lives_on() {
    check("memory_limit::a_batch_for_which_there_is_no_memory_says_so_and_the_session_lives_on", &options(1, ""));
}

#[test]
fn the_other_sessions_of_a_group_live_on_as_well() {
    check("memory_limit::the_other_sessions_of_a_group_live_on_as_well", &group(2, 2));
}
