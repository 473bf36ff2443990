//! Small graphs: what is taken, given and refused, and runs that are stopped.

use std::time::{Duration, Instant};

use drivetrain_contract::{
    Backend, Call, Capabilities, ErrorKind, Inputs, Model, NoCall, Output, Precision, SessionOptions, Verdict, format,
};

use crate::{
    onnx_file::{FLOAT, FLOAT16, GraphFile, INT32, INT64},
    rig::{backend, graph, matrix_graph, model, options, refuses, run},
};

#[test]
fn a_probe_names_the_processor_and_the_version() {
    let Some(backend) = backend() else { return };
    let probe = backend.probe().unwrap();
    let cpu: Vec<_> = probe.devices.iter().filter(|device| device.id == "cpu").collect();
    let [cpu] = cpu[..] else { panic!("{:?}", probe.devices) };
    assert!(cpu.precisions_native.contains(Precision::F32.set() | Precision::Int8.set()), "{cpu:?}");
    assert!(cpu.name.len() > 3 && cpu.tier > 1, "{cpu:?}");
    assert!(probe.engine_version.unwrap().starts_with("202"));
    let formats: Vec<&str> = probe.formats.iter().map(|support| support.format.as_str()).collect();
    assert_eq!(formats, [format::OPENVINO_IR, format::ONNX]);
}

#[test]
fn every_width_and_precision_gives_the_same_numbers() {
    let Some(backend) = backend() else { return };
    for (ids, floats, hidden) in
        [(INT64, FLOAT, "2"), (INT32, FLOAT16, "2"), (INT64, FLOAT, "hidden"), (INT32, FLOAT16, "h")]
    {
        let model = model(graph(ids, floats, hidden).finish());
        for config in ["", r#"{"num_streams":2,"performance_hint":"throughput"}"#] {
            let mut session = backend.create_session(&model, &options(2, config), &NoCall).unwrap();
            let info = session.describe();
            assert_eq!((info.dim, info.hidden, info.threads), (2, 2, 2));
            // An input that nothing is computed from may be left out.
            assert!(info.inputs.contains(Inputs::INPUT_IDS), "{:?}", info.inputs);
            assert!(info.capabilities.contains(Capabilities::POOLED_OUT | Capabilities::DYNAMIC_LENGTH));
            let hidden = run(&mut *session, &[0, 2, 1, 1], 2, Output::LastHiddenState, &NoCall).unwrap();
            assert_eq!(hidden, [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 3.0, 4.0], "{config}");
            let pooled = run(&mut *session, &[0, 2, 1, 1], 2, Output::SentenceEmbedding, &NoCall).unwrap();
            assert_eq!(pooled, [3.0, 4.0, 3.0, 4.0], "{config}");
            assert_eq!(run(&mut *session, &[2], 1, Output::SentenceEmbedding, &NoCall).unwrap(), [5.0, 6.0]);
        }
    }
}

#[test]
fn graphs_and_wishes_that_cannot_be_met_are_refused() {
    let Some(backend) = backend() else { return };
    let create = |model: &Model, options: &SessionOptions| backend.create_session(model, options, &NoCall);
    let good = graph(INT64, FLOAT, "2").finish();
    let gpu = SessionOptions { device_id: "gpu:7".to_owned(), ..options(1, "") };
    refuses(create(&model(good.clone()), &gpu), ErrorKind::NotFound, "it has cpu");
    assert_eq!(backend.estimate(&model(good.clone()), &gpu).unwrap().verdict, Verdict::No);
    let int8 = SessionOptions { precision: Precision::Int8, ..options(1, "") };
    refuses(create(&model(good.clone()), &int8), ErrorKind::Unsupported, "only in f32");
    refuses(create(&model(good.clone()), &options(1, r#"{"inference_num_threads":2}"#)), ErrorKind::Invalid, "threads");
    let unknown = options(1, r#"{"properties":{"NO_SUCH_KEY":"1"}}"#);
    refuses(create(&model(good.clone()), &unknown), ErrorKind::Invalid, "NO_SUCH_KEY");
    let wrong = options(1, r#"{"properties":{"ENABLE_HYPER_THREADING":"perhaps"}}"#);
    refuses(create(&model(good.clone()), &wrong), ErrorKind::Invalid, "perhaps");
    let right = options(1, r#"{"properties":{"ENABLE_HYPER_THREADING":"NO"}}"#);
    assert!(create(&model(good.clone()), &right).is_ok());
    let task = graph(INT64, FLOAT, "2")
        .input("task_id", INT64, &["batch"])
        .node("Cast", &["task_id"], "task", &[("to", &[FLOAT.cast_signed()])])
        .output("task", FLOAT, &["batch"]);
    refuses(create(&model(task.finish()), &options(1, "")), ErrorKind::Unsupported, "`task_id`");
    let foreign = GraphFile::default()
        .input("input_ids", INT64, &["batch", "length"])
        .node("Divination", &["input_ids"], "logits", &[])
        .output("logits", FLOAT, &["batch", "labels"])
        .finish();
    refuses(create(&model(foreign), &options(1, "")), ErrorKind::Unsupported, "Divination");
    for len in [0, 1, good.len() / 2, good.len() - 1] {
        refuses(create(&model(good[..len].to_vec()), &options(1, "")), ErrorKind::Model, "in-memory artifact");
    }
    refuses(create(&model(vec![0xff; 4096]), &options(1, "")), ErrorKind::Model, "in-memory artifact");
}

#[test]
fn a_precision_that_is_not_native_is_refused_unless_emulation_is_allowed() {
    let Some(backend) = backend() else { return };
    let probe = backend.probe().unwrap();
    let cpu = probe.devices.iter().find(|device| device.id == "cpu").unwrap();
    let model = model(matrix_graph(1));
    for precision in [Precision::Bf16, Precision::F16] {
        let with = |config| SessionOptions { precision, ..options(1, config) };
        let session = backend.create_session(&model, &with(""), &NoCall);
        if cpu.precisions_native.contains(precision.set()) {
            assert_eq!(session.unwrap().describe().precision, Some(precision));
        } else {
            refuses(session, ErrorKind::Unsupported, "OpenVINO lists ");
            let mut session = backend.create_session(&model, &with(r#"{"allow_emulated":true}"#), &NoCall).unwrap();
            let hidden = run(&mut *session, &[0], 1, Output::LastHiddenState, &NoCall).unwrap();
            assert!((hidden[0] - 1.0).abs() < 0.02, "{}", hidden[0]);
        }
    }
}

#[test]
fn inputs_that_cannot_be_right_are_refused_and_the_session_lives_on() {
    let Some(backend) = backend() else { return };
    let model = Model {
        description_json: r#"{"config":{"vocab_size":3}}"#.to_owned(),
        ..model(graph(INT64, FLOAT, "2").finish())
    };
    let mut session = backend.create_session(&model, &options(1, ""), &NoCall).unwrap();
    for id in [-1, 3, i64::MAX, i64::MIN] {
        refuses(run(&mut *session, &[0, id], 1, Output::SentenceEmbedding, &NoCall), ErrorKind::Invalid, "`input_ids`");
    }
    refuses(run(&mut *session, &[0], 1, Output::Logits, &NoCall), ErrorKind::Unsupported, "`logits`");
    assert_eq!(run(&mut *session, &[1], 1, Output::SentenceEmbedding, &NoCall).unwrap(), [3.0, 4.0]);
}

#[test]
fn ids_beyond_a_table_of_unknown_size_do_no_harm() {
    let Some(backend) = backend() else { return };
    let model = model(graph(INT64, FLOAT, "2").finish());
    let mut session = backend.create_session(&model, &options(1, ""), &NoCall).unwrap();
    for id in [3, 1 << 20, i64::from(i32::MAX), i64::MAX] {
        // Whatever it gives, it ends.
        let _ = run(&mut *session, &[0, id], 1, Output::SentenceEmbedding, &NoCall);
    }
    assert_eq!(run(&mut *session, &[1], 1, Output::SentenceEmbedding, &NoCall).unwrap(), [3.0, 4.0]);
}

#[test]
fn a_result_of_another_shape_than_announced_is_refused() {
    let Some(backend) = backend() else { return };
    let bytes = GraphFile::default()
        .input("input_ids", INT64, &["batch", "length"])
        .node("Cast", &["input_ids"], "logits", &[("to", &[FLOAT.cast_signed()])])
        .output("logits", FLOAT, &["batch", "labels"])
        .finish();
    let mut session = backend.create_session(&model(bytes), &options(1, ""), &NoCall).unwrap();
    assert_eq!(session.describe().labels, 2);
    assert_eq!(run(&mut *session, &[7, 8], 1, Output::Logits, &NoCall).unwrap(), [7.0, 8.0]);
    refuses(run(&mut *session, &[7, 8, 9], 1, Output::Logits, &NoCall), ErrorKind::Model, "announced was");
}

#[test]
fn a_graph_for_one_shape_says_so() {
    let Some(backend) = backend() else { return };
    let bytes = GraphFile::default()
        .input("input_ids", INT64, &["1", "3"])
        .weights("table", &[3, 2], &[0.0; 6])
        .node("Gather", &["table", "input_ids"], "output_0", &[])
        .output("output_0", FLOAT, &["1", "3", "2"])
        .finish();
    let mut session = backend.create_session(&model(bytes), &options(1, ""), &NoCall).unwrap();
    let info = session.describe();
    assert_eq!((info.max_tokens, info.hidden), (3, 2));
    assert!(!info.capabilities.intersects(Capabilities::DYNAMIC_BATCH | Capabilities::DYNAMIC_LENGTH));
    assert!(run(&mut *session, &[0, 1, 2], 1, Output::LastHiddenState, &NoCall).is_ok());
    refuses(
        run(&mut *session, &[0, 1], 1, Output::LastHiddenState, &NoCall),
        ErrorKind::Invalid,
        "of 1 × 3, not 1 × 2",
    );
}

struct Until(Instant);
impl Call for Until {
    fn time_left(&self) -> Option<Duration> {
        Some(self.0.saturating_duration_since(Instant::now()))
    }
}

#[test]
fn a_run_that_is_late_is_stopped_and_the_session_lives_on() {
    let Some(backend) = backend() else { return };
    let mut session = backend.create_session(&model(matrix_graph(100)), &options(1, ""), &NoCall).unwrap();
    assert!(session.describe().capabilities.contains(Capabilities::CANCEL_MID_RUN));
    for _ in 0..3 {
        let started = Instant::now();
        let late = Until(started + Duration::from_millis(50));
        refuses(run(&mut *session, &[0; 4096], 1, Output::LastHiddenState, &late), ErrorKind::Deadline, "time");
        let stopped_after = started.elapsed();
        let started = Instant::now();
        let whole = run(&mut *session, &[0; 4096], 1, Output::LastHiddenState, &NoCall).unwrap();
        let whole_took = started.elapsed();
        assert!(stopped_after * 2 < whole_took, "stopped after {stopped_after:?}, whole {whole_took:?}");
        assert!((whole[0] - 1.0).abs() < 1e-3);
    }
}

#[test]
fn memory_is_reported_after_loading_and_running() {
    let Some(backend) = backend() else { return };
    let mut session = backend.create_session(&model(matrix_graph(2)), &options(1, ""), &NoCall).unwrap();
    run(&mut *session, &[0; 8192], 1, Output::LastHiddenState, &NoCall).unwrap();
    if cfg!(target_os = "linux") {
        assert!(session.memory().unwrap().peak_activation > 8 << 20, "{:?}", session.memory());
    }
}

#[test]
fn equal_inputs_give_equal_bits() {
    let Some(backend) = backend() else { return };
    for threads in [1, 2] {
        let mut session = backend.create_session(&model(matrix_graph(3)), &options(threads, ""), &NoCall).unwrap();
        let first = run(&mut *session, &[0; 37], 1, Output::LastHiddenState, &NoCall).unwrap();
        for _ in 0..5 {
            let again = run(&mut *session, &[0; 37], 1, Output::LastHiddenState, &NoCall).unwrap();
            assert!(first.iter().zip(&again).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}

#[test]
fn a_run_that_was_stopped_leaves_nothing_to_the_next() {
    let Some(backend) = backend() else { return };
    let mut session = backend.create_session(&model(matrix_graph(100)), &options(1, ""), &NoCall).unwrap();
    for round in 0..8 {
        for ids in [&[0; 64][..], &[0; 1], &[0; 2]] {
            let small = run(&mut *session, ids, 1, Output::LastHiddenState, &NoCall).unwrap();
            assert!(small.iter().all(|x| (x - 1.0).abs() < 1e-3), "round {round}");
        }
        run(&mut *session, &[0; 64], 1, Output::LastHiddenState, &NoCall).unwrap();
        // Wherever in the graph the run is stopped, shapes beyond that have been inferred already.
        let late = Until(Instant::now() + Duration::from_millis(11 + 10 * round));
        refuses(run(&mut *session, &[0; 8192], 1, Output::LastHiddenState, &late), ErrorKind::Deadline, "time");
    }
}
