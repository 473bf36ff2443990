//! `compare`: two files of vectors, and files that are none.

use crate::cli::{
    Workplace,
    npy::{file, floats},
};

fn check_refused(name: &str, contents: Vec<u8>, expected: &[&str]) {
    let Some(place) = Workplace::new() else { return };
    place.write("good.npy", floats([1, 2], &[1.0, 0.0]));
    place.write(name, contents);
    place.run(&["compare", "good.npy", name]).failed(5, &[&[name], expected].concat());
    place.run(&["compare", name, "good.npy"]).failed(5, expected);
}

#[test]
fn equal_files_are_equal_and_the_worst_rows_come_first() {
    let Some(place) = Workplace::new() else { return };
    place.write("a.npy", floats([3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]));
    place.write("b.npy", floats([3, 2], &[1.0, 0.0, 1.0, 0.0, 1.0, 0.5]));
    let same = place.run(&["compare", "a.npy", "a.npy"]).succeeded().stdout;
    assert!(same.contains("rows           3\ncosine min     1.0000000\ncosine mean    1.0000000\n"), "{same}");
    assert!(same.contains("max abs error  0.000e0"), "{same}");
    let other = place.run(&["compare", "a.npy", "b.npy", "--worst", "2"]).succeeded().stdout;
    assert!(other.contains("cosine min     0.0000000\ncosine mean    0.6495611\nmax abs error  1.000e0\n"), "{other}");
    let worst: Vec<&str> = other.lines().skip_while(|line| *line != "worst rows").skip(1).collect();
    assert_eq!(worst.len(), 2);
    assert_eq!(worst[0].split_whitespace().next(), Some("1"));
    assert_eq!(worst[1].split_whitespace().next(), Some("2"));
}

#[test]
fn what_embed_writes_can_be_compared() {
    let Some(place) = Workplace::new() else { return };
    place.run(&["embed", "one", "two", "-o", "a.npy"]).succeeded();
    place.run(&["embed", "-o", "none.npy"]).succeeded();
    let same = place.run(&["compare", "a.npy", "a.npy"]).succeeded().stdout;
    assert!(same.contains("cosine min     1.0000000"), "{same}");
    assert_eq!(place.run(&["compare", "none.npy", "none.npy"]).succeeded().stdout, "0 rows\n");
    place.run(&["compare", "a.npy", "none.npy"]).failed(5, &["have different shapes: [2, 256] and [0, 256]"]);
}

#[test]
fn floats_of_every_width_and_byte_order_are_read() {
    let Some(place) = Workplace::new() else { return };
    place.write("f4.npy", floats([1, 2], &[1.0, -0.5]));
    let header = |descr: &str| format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1, 2), }}\n");
    place.write("f2.npy", file(&header("<f2"), &[0x00, 0x3c, 0x00, 0xb8]));
    place.write("f8.npy", file(&header("<f8"), &[1f64.to_le_bytes(), (-0.5f64).to_le_bytes()].concat()));
    place.write("be.npy", file(&header(">f4"), &[1f32.to_be_bytes(), (-0.5f32).to_be_bytes()].concat()));
    for name in ["f2.npy", "f8.npy", "be.npy"] {
        let report = place.run(&["compare", "f4.npy", name]).succeeded().stdout;
        assert!(report.contains("max abs error  0.000e0"), "{name}: {report}");
    }
}

#[test]
fn a_row_with_nan_is_the_worst_of_all() {
    let Some(place) = Workplace::new() else { return };
    place.write("a.npy", floats([2, 2], &[1.0, 0.0, 0.0, 1.0]));
    place.write("b.npy", floats([2, 2], &[0.0, 1.0, 0.0, f32::NAN]));
    let report = place.run(&["compare", "a.npy", "b.npy"]).succeeded().stdout;
    assert!(report.contains("cosine min     NaN") && report.contains("max abs error  NaN"), "{report}");
    let worst = report.lines().nth(5).expect("a worst row");
    assert_eq!(worst.split_whitespace().next(), Some("1"), "{report}");
}

#[test]
fn files_of_another_kind_are_refused() {
    check_refused("text.npy", b"hello".to_vec(), &["not a NumPy array"]);
    check_refused("empty.npy", Vec::new(), &["not a NumPy array"]);
    let header =
        |descr: &str, shape: &str| format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    check_refused("ints.npy", file(&header("<i4", "(1, 2)"), &[0; 8]), &["holds no floats"]);
    check_refused("flat.npy", file(&header("<f4", "(2,)"), &[0; 8]), &["not [n, dim]"]);
    check_refused("scalar.npy", file(&header("<f4", "()"), &[0; 4]), &["not [n, dim]"]);
    let columns = "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }\n";
    check_refused("columns.npy", file(columns, &[0; 8]), &["stored by columns", "ascontiguousarray"]);
    check_refused("header.npy", file("{'descr': ", &[]), &["not a NumPy array"]);
}

#[test]
fn files_that_hold_less_than_they_claim_are_refused_without_taking_memory() {
    let whole = floats([1, 2], &[1.0, 0.0]);
    for length in [3, 11, whole.len() - 1] {
        check_refused("cut.npy", whole[..length].to_vec(), &[]);
    }
    for shape in ["(1000000000000, 256)", "(18446744073709551615, 18446744073709551615)"] {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        check_refused("huge.npy", file(&header, &[0; 64]), &["is cut short"]);
    }
    let absurd = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999, 2), }\n";
    check_refused("absurd.npy", file(absurd, &[]), &[]);
}

#[test]
fn files_that_are_not_there_are_named() {
    let Some(place) = Workplace::new() else { return };
    place.run(&["compare", "none.npy", "none.npy"]).failed(5, &["`none.npy`: cannot be opened"]);
    place.run(&["compare", ".", "."]).failed(5, &["`.`"]);
}
