//! scratch
#![allow(clippy::all, missing_docs, unused)]
use std::{env, num::NonZeroUsize, path::PathBuf, time::Instant, sync::Arc};
use drivetrain_contract::*;
use drivetrain_openvino::OpenVino;

fn model(path: &str, precision: Precision) -> Model {
    let format = if path.ends_with("xml") { format::OPENVINO_IR } else { format::ONNX };
    Model { artifacts: vec![Artifact { format: format.to_owned(), precision, data: ArtifactData::Path(path.into()) }], description_json: String::new() }
}
fn rss() -> (u64, u64, u64, u64) {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    let g = |k: &str| s.lines().find_map(|l| l.strip_prefix(k)).unwrap().trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024;
    (g("VmRSS:"), g("VmHWM:"), g("RssAnon:"), g("RssFile:"))
}
fn run(session: &mut dyn Session, size: usize, length: usize, pad_from: usize) -> Vec<f32> {
    let n = size * length;
    let ids: Vec<i64> = (0..n).map(|i| 1000 + (i as i64 * 7919) % 20000).collect();
    let mask: Vec<i64> = (0..n).map(|i| i64::from(i % length < pad_from)).collect();
    let types = vec![0i64; n];
    let mut batch = PaddedBatch::new(size, length, TokenIds::I64(&ids), TokenIds::I64(&mask)).unwrap();
    if session.describe().inputs.contains(Inputs::TOKEN_TYPE_IDS) { batch = batch.with_token_type_ids(TokenIds::I64(&types)).unwrap(); }
    let batch = Batch::Padded(batch);
    let shape = session.output_shape(&batch, Output::SentenceEmbedding).unwrap();
    let mut data = vec![0.0; shape.iter().product()];
    session.run(&batch, &mut [OutputMut::new(Output::SentenceEmbedding, &shape, &mut data).unwrap()], &NoCall).unwrap();
    data
}
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
fn main() {
    let a: Vec<String> = env::args().collect();
    let lib = env::var("LIB").unwrap_or("/tmp/openvino/w26/openvino/libs/libopenvino_c.so.2641".into());
    let extra = env::var("CONFIG").unwrap_or_default();
    let path = env::var("MODEL").unwrap_or("/work/main/target/test-home/models/all-MiniLM-L6-v2/onnx/model.onnx".into());
    let precision: Precision = env::var("PRECISION").unwrap_or("f32".into()).parse().unwrap();
    println!("start rss {:?}", rss());
    let backend = OpenVino::open(&format!("{{\"library\":{lib:?}}}")).unwrap();
    println!("opened rss {:?}", rss());
    let options = |threads: usize, group: Option<SessionGroup>| SessionOptions { config_json: extra.clone(), precision, group, cache_dir: env::var_os("CACHE").map(PathBuf::from), ..SessionOptions::new("cpu", NonZeroUsize::new(threads).unwrap()) };
    let stored = env::var("STORED").unwrap_or(if precision == Precision::Int8 { "int8".into() } else { "f32".to_string() }).parse().unwrap();
    let m = model(&path, stored);
    match a[1].as_str() {
        "probe" => println!("{:#?}", backend.probe().unwrap()),
        "start" => {
            let t = Instant::now();
            let mut s = backend.create_session(&m, &options(2, None), &NoCall).unwrap();
            println!("created {:?} rss {:?}", t.elapsed(), rss());
            run(&mut *s, 32, 128, 128);
            println!("first run {:?} rss {:?} memory {:?}", t.elapsed(), rss(), s.memory());
        }
        "latency" => {
            let mut s = backend.create_session(&m, &options(2, None), &NoCall).unwrap();
            for (n, l) in [(1, 10), (1, 32), (1, 128)] {
                for _ in 0..50 { run(&mut *s, n, l, l); }
                let mut t: Vec<f64> = (0..400).map(|_| { let t = Instant::now(); run(&mut *s, n, l, l); t.elapsed().as_secs_f64() * 1e3 }).collect();
                t.sort_by(f64::total_cmp);
                println!("{n}x{l}: p50 {:.3} ms p90 {:.3}", t[200], t[360]);
            }
        }
        // speed sessions threads group|separate tokens
        "speed" => {
            let (sessions, threads): (usize, usize) = (a[2].parse().unwrap(), a[3].parse().unwrap());
            let tokens: usize = a[5].parse().unwrap();
            let group = if a[4] == "group" { SessionGroup::new(sessions, sessions * threads) } else { None };
            let mut all: Vec<_> = (0..sessions).map(|_| backend.create_session(&m, &options(threads, group), &NoCall).unwrap()).collect();
            let length: usize = a.get(6).map_or(140, |l| l.parse().unwrap());
            let work = |s: &mut dyn Session, secs: f64| { let t = Instant::now(); let mut n = 0usize; let mut k = 0usize; while t.elapsed().as_secs_f64() < secs { let l = length - (k * 37) % (length / 2); let size = (tokens / l).max(1); run(s, size, l, l); n += size * l; k += 1; } n };
            let go = |all: &mut Vec<Box<dyn Session>>, secs: f64| -> f64 { let t = Instant::now(); let n: usize = std::thread::scope(|sc| { let h: Vec<_> = all.iter_mut().map(|s| sc.spawn(move || work(&mut **s, secs))).collect(); h.into_iter().map(|h| h.join().unwrap()).sum() }); n as f64 / t.elapsed().as_secs_f64() };
            go(&mut all, 0.5);
            let c = cpu(); let mut r: Vec<f64> = (0..5).map(|_| go(&mut all, 1.0)).collect();
            let per_cpu = r.iter().sum::<f64>() / (cpu() - c);
            r.sort_by(f64::total_cmp);
            print!("per CPU s {per_cpu:.0}  ");
            println!("{sessions}x{threads} {} {tokens} {precision}: {:.0} tok/s (min {:.0} max {:.0}) rss {:?}", a[4], r[2], r[0], r[4], rss());
        }
        // shapes: dynamic against padded to few
        "shapes" => {
            let tokens: usize = a[2].parse().unwrap();
            let mut lengths: Vec<usize> = (0..120).map(|i| 20 + (i * 7919usize) % 236).collect();
            lengths.sort_by(|a, b| b.cmp(a));
            let mut batches = vec![]; let mut i = 0;
            while i < lengths.len() { let l = lengths[i]; let n = (tokens / l).clamp(1, lengths.len() - i); batches.push((n, l)); i += n; }
            let real: usize = lengths.iter().sum();
            let mut s = backend.create_session(&m, &options(a[3].parse().unwrap(), None), &NoCall).unwrap();
            println!("{} batches, {} shapes", batches.len(), { let mut b = batches.clone(); b.dedup(); b.len() });
            for round in 0..3 {
                for (name, up_l, up_n) in [("dynamic", 1, 1), ("pad 8", 8, 1), ("pad 16", 16, 1), ("pad 32", 32, 1), ("pad 32, n pow2", 32, 0), ("pad 64, n pow2", 64, 0)] {
                    let t = Instant::now(); let c = cpu();
                    for &(n, l) in &batches {
                        let pl = l.div_ceil(up_l) * up_l;
                        let pn = if up_n == 0 { n.next_power_of_two() } else { n };
                        run(&mut *s, pn, pl, l);
                    }
                    println!("round {round} {name}: {:.0} real tok/s, {:.0} tok per CPU second", real as f64 / t.elapsed().as_secs_f64(), real as f64 / (cpu() - c));
                }
            }
        }
        "compare" => {
            let mut s = backend.create_session(&m, &options(2, None), &NoCall).unwrap();
            let v = run(&mut *s, 8, 64, 64);
            println!("{:?}", &v[..4]);
        }
        _ => panic!(),
    }
}
