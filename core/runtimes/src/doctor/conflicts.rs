//! Loaded libraries that get into each other's way.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::doctor::{Family, Image};

/// Libraries of which one process should not have several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// What they are.
    pub kind: ConflictKind,
    /// Their files.
    pub images: Vec<PathBuf>,
}

/// What several libraries are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// OpenMP runtimes, each with threads of its own: together they are more than there are processors.
    SeveralOpenMp,
    /// Different files by one name: whoever asks for it gets the one that was loaded first.
    SameName(String),
}

/// What is wrong with these images together.
pub fn conflicts(images: &[Image]) -> Vec<Conflict> {
    let paths = |images: &[&Image]| images.iter().map(|image| image.path.clone()).collect();
    let openmp: Vec<&Image> = images.iter().filter(|image| image.family == Some(Family::OpenMp)).collect();
    let mut by_name: BTreeMap<&str, Vec<&Image>> = BTreeMap::new();
    for image in images {
        image.soname.iter().for_each(|name| by_name.entry(name).or_default().push(image));
    }
    let several_openmp =
        (openmp.len() > 1).then(|| Conflict { kind: ConflictKind::SeveralOpenMp, images: paths(&openmp) });
    let same_name = by_name
        .into_iter()
        .filter(|(_, images)| images.len() > 1)
        .map(|(name, images)| Conflict { kind: ConflictKind::SameName(name.to_owned()), images: paths(&images) });
    several_openmp.into_iter().chain(same_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(path: &str, soname: &str, family: Option<Family>) -> Image {
        Image { path: PathBuf::from(path), soname: Some(soname.to_owned()), family }
    }

    fn check(images: &[Image], expect: &[(ConflictKind, &[&str])]) {
        let expect: Vec<Conflict> = expect
            .iter()
            .map(|(kind, paths)| Conflict { kind: kind.clone(), images: paths.iter().map(PathBuf::from).collect() })
            .collect();
        assert_eq!(conflicts(images), expect);
    }

    #[test]
    fn several_of_a_kind_and_several_of_a_name_are_found() {
        let gomp = image("/usr/lib/libgomp.so.1", "libgomp.so.1", Some(Family::OpenMp));
        let other_gomp = image("/opt/libgomp.so.1", "libgomp.so.1", Some(Family::OpenMp));
        let intel = image("/opt/libiomp5.so", "libiomp5.so", Some(Family::OpenMp));
        let tbb = image("/opt/libtbb.so.12", "libtbb.so.12", Some(Family::Tbb));
        let unnamed = Image { soname: None, ..tbb.clone() };
        check(&[gomp.clone(), tbb.clone(), unnamed], &[]);
        check(&[gomp.clone(), intel], &[(ConflictKind::SeveralOpenMp, &["/usr/lib/libgomp.so.1", "/opt/libiomp5.so"])]);
        let both: &[&str] = &["/usr/lib/libgomp.so.1", "/opt/libgomp.so.1"];
        check(
            &[gomp, other_gomp, tbb],
            &[(ConflictKind::SeveralOpenMp, both), (ConflictKind::SameName("libgomp.so.1".to_owned()), both)],
        );
        check(&[], &[]);
    }
}
