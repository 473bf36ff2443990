//! Sessions that run side by side and share one compiled model.

use std::{num::NonZeroUsize, thread};

use drivetrain_contract::{MemoryUse, Precision, Session, SessionGroup, SessionOptions};

use crate::{
    alone::alone,
    fixtures::{Fixture, embed},
    rig::{backend, matrix_graph_of, model_at, options},
};

pub(crate) fn group(sessions: usize, threads: usize) -> SessionOptions {
    let each = NonZeroUsize::new(threads / sessions).unwrap();
    SessionOptions { group: SessionGroup::new(sessions, threads), threads: each, ..options(1, "") }
}

#[test]
fn sessions_of_a_group_give_the_same_at_the_same_time() {
    let Some(backend) = backend() else { return };
    let fixture = Fixture::named("bert-mean");
    let texts: Vec<&Vec<i64>> = fixture.token_ids.iter().collect();
    let expected = embed(&mut *fixture.session(&backend, &options(1, "")), &texts);
    let check = |mut session: Box<dyn Session>| {
        for _ in 0..20 {
            assert_eq!(embed(&mut *session, &texts), expected);
        }
    };
    // Created at the same time as well, as one engine does, and a second engine beside it.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| check(fixture.session(&backend, &group(2, 2))));
        }
        scope.spawn(|| check(fixture.session(&backend, &options(1, ""))));
    });
}

#[test]
fn sessions_of_a_group_hold_the_weights_once() {
    let Some(_) = backend() else { return };
    alone("groups::sessions_of_a_group_hold_the_weights_once", || {
        use drivetrain_contract::{Backend, NoCall, format};
        let backend = backend().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, matrix_graph_of(2048, 1)).unwrap();
        let model = model_at(format::ONNX, &path);
        let create = |options: &SessionOptions| backend.create_session(&model, options, &NoCall).unwrap();
        // What every first session brings along.
        drop(create(&options(1, "")));
        let held = |sessions: &[Box<dyn Session>]| -> u64 {
            sessions.iter().map(|session| session.memory().unwrap_or(MemoryUse::default()).host_private).sum()
        };
        let shared: Vec<_> = (0..4).map(|_| create(&group(4, 4))).collect();
        let separate: Vec<_> = (0..4).map(|_| create(&options(1, ""))).collect();
        assert_eq!(shared[0].describe().precision, Some(Precision::F32));
        let (shared, separate) = (held(&shared), held(&separate));
        if cfg!(target_os = "linux") {
            assert!(shared * 2 < separate, "{shared} and {separate} bytes");
        }
    });
}
