//! What happens when memory runs out.

#[test]
#[cfg(target_os = "linux")]
fn a_batch_for_which_there_is_no_memory_says_so_and_the_session_lives_on() {
    use drivetrain_contract::{Backend, ErrorKind, NoCall, Output};

    use crate::{
        alone::alone_within,
        rig::{backend, matrix_graph, model, options, run},
    };

    if backend().is_none() {
        return;
    }
    // 3 GiB of address space: enough for the libraries and a small batch, not for activations of gigabytes.
    let name = "memory_limit::a_batch_for_which_there_is_no_memory_says_so_and_the_session_lives_on";
    alone_within(3 << 20, name, || {
        let backend = backend().unwrap();
        let mut session = backend.create_session(&model(matrix_graph(3)), &options(1, ""), &NoCall).unwrap();
        assert!(run(&mut *session, &[0; 64], 1, Output::LastHiddenState, &NoCall).is_ok());
        let many = vec![0; 1 << 20];
        let err = run(&mut *session, &many, 1, Output::LastHiddenState, &NoCall).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::OutOfMemory, "{}", err.to_text());
        let again = run(&mut *session, &[0; 64], 1, Output::LastHiddenState, &NoCall).unwrap();
        assert!((again[0] - 1.0).abs() < 1e-3);
    });
}
