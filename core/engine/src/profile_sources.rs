//! Where profiles come from before anybody names one: the system's file, the user's, the project's, the environment.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use drivetrain_contract::Result;
use drivetrain_planner::{Layer, Variables};
use etcetera::BaseStrategy;

/// The folder's name below the platform's configuration folders.
const FOLDER: &str = "drivetrain";
/// The file's name in such a folder.
const FILE: &str = "profile.toml";
/// The file's name in a project.
const PROJECT_FILE: &str = "drivetrain.toml";

/// The files and variables that say what this user wants on this machine in this folder.
#[derive(Clone, Debug, Default)]
pub struct ProfileSources {
    files: Vec<ProfileFile>,
    variables: Vec<(String, OsString)>,
}

/// A file that is read if it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileFile {
    /// Whose it is.
    pub place: ProfilePlace,
    /// Where it is, or would be.
    pub path: PathBuf,
}

/// Whose a profile file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfilePlace {
    /// The machine's.
    System,
    /// The user's.
    User,
    /// The project's that is worked in.
    Project,
}

/// What the search depends on.
#[derive(Clone, Debug, Default)]
struct Facts {
    system: Option<PathBuf>,
    user: Option<PathBuf>,
    current: Option<PathBuf>,
    home: Option<PathBuf>,
}

impl ProfileSources {
    /// What the environment says: the system's `profile.toml`, the user's in `DRIVETRAIN_CONFIG_HOME` or the platform's
    /// configuration folder, the project's `drivetrain.toml`, and the variables `DRIVETRAIN_*`.
    ///
    /// The project's file is the one in the current folder, or the nearest in a folder above it. The home folder and
    /// the root of the file system are no projects: the search ends before them. A file above the current folder counts
    /// only if it belongs to the owner of the current folder or to the system's administrator; elsewhere, such as in a
    /// shared temporary folder, anybody could have put it there.
    ///
    /// Nothing is read yet.
    pub fn from_environment() -> Self {
        let platform = etcetera::base_strategy::choose_native_strategy().ok();
        let named = env::var_os("DRIVETRAIN_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let user = named.or_else(|| Some(platform.as_ref()?.config_dir().join(FOLDER)));
        let facts = Facts {
            system: system_folder(),
            user: user.and_then(|folder| std::path::absolute(folder).ok()),
            current: env::current_dir().ok(),
            // The current folder comes without symbolic links.
            home: platform.and_then(|platform| platform.home_dir().canonicalize().ok()),
        };
        let variables = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self { files: files(&facts), variables: variables.collect() }
    }

    /// Every file that is looked at, there or not, from the weakest to the strongest.
    pub fn files(&self) -> &[ProfileFile] {
        &self.files
    }

    /// The layers, from the weakest to the strongest: system, user, project, environment, and the files in `named`,
    /// which somebody named on a command line.
    ///
    /// What is said on a command line was said last, so it overrules the environment, as with cargo and git. A project's
    /// file that is also named is read only where it is named, as a file that may set everything.
    ///
    /// # Errors
    /// As [`Layer::file`], [`Layer::project_file`] and [`Variables::new`].
    pub fn layers(&self, named: &[PathBuf]) -> Result<Vec<Layer>> {
        let mut layers = Vec::new();
        for file in self.files.iter().filter(|file| file.is_there()) {
            match file.place {
                ProfilePlace::Project if named.iter().any(|path| is_same(path, &file.path)) => {}
                ProfilePlace::Project => layers.push(Layer::project_file(&file.path)?),
                ProfilePlace::System | ProfilePlace::User => layers.push(Layer::standing_file(&file.path)?),
            }
        }
        let variables = Variables::new(self.variables.iter().cloned())?;
        variables.unknown.iter().for_each(|complaint| log::warn!("{complaint}"));
        layers.push(variables.layer);
        for path in named {
            layers.push(Layer::file(path)?);
        }
        Ok(layers)
    }
}

impl ProfileFile {
    /// Whether it is there, and so is read.
    ///
    /// In a project only a file is one; whatever else bears its name means something else. Of the other two a folder or
    /// a dangling link is a mistake that reading them tells; but in a folder that may not be looked into there is none.
    pub fn is_there(&self) -> bool {
        use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
        match (self.place, fs::symlink_metadata(&self.path)) {
            (ProfilePlace::Project, _) => self.path.is_file(),
            (_, Ok(_)) => true,
            (_, Err(err)) => !matches!(err.kind(), NotFound | NotADirectory | PermissionDenied),
        }
    }
}

impl ProfilePlace {
    /// What lists call it: `system`, `user`, `project`.
    pub fn name(self) -> &'static str {
        match self {
            ProfilePlace::System => "system",
            ProfilePlace::User => "user",
            ProfilePlace::Project => "project",
        }
    }
}

fn files(facts: &Facts) -> Vec<ProfileFile> {
    let system = facts.system.as_ref().map(|folder| folder.join(FILE));
    let user = facts.user.as_ref().map(|folder| folder.join(FILE));
    let project = facts.current.as_ref().map(|folder| project_file(folder, facts.home.as_deref()));
    let places = [(ProfilePlace::System, system), (ProfilePlace::User, user), (ProfilePlace::Project, project)];
    places.into_iter().filter_map(|(place, path)| Some(ProfileFile { place, path: path? })).collect()
}

/// The project's file for somebody who works in `current`: there, or where it would be.
fn project_file(current: &Path, home: Option<&Path>) -> PathBuf {
    let no_project = |folder: &Path| folder.parent().is_none() || Some(folder) == home;
    let above = current.ancestors().skip(1).take_while(|folder| !no_project(folder));
    let above = above.filter(|_| !no_project(current)).map(|folder| folder.join(PROJECT_FILE));
    let here = current.join(PROJECT_FILE);
    let is_ours = |path: &PathBuf| *path == here || is_trusted(path, current);
    std::iter::once(here.clone()).chain(above).find(|path| path.is_file() && is_ours(path)).unwrap_or(here)
}

#[cfg(unix)]
fn is_trusted(file: &Path, folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let owner = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.uid());
    owner(file).is_some_and(|uid| uid == 0 || Some(uid) == owner(folder))
}

/// Elsewhere the standard library does not know owners, and shared folders are rare.
#[cfg(not(unix))]
fn is_trusted(_file: &Path, _folder: &Path) -> bool {
    true
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Where only an administrator can put a file. On Windows any user may make a folder in `ProgramData`, and a system
/// profile can load code, so there is none.
fn system_folder() -> Option<PathBuf> {
    if cfg!(target_os = "macos") {
        Some(Path::new("/Library/Application Support").join(FOLDER))
    } else if cfg!(unix) {
        Some(Path::new("/etc").join(FOLDER))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_planner::Profile;
    use tempfile::TempDir;

    use super::*;

    /// A machine with `home/project/deep`, and what is looked at from one of its folders.
    struct Machine {
        folder: TempDir,
        root: PathBuf,
    }

    impl Machine {
        fn new() -> Self {
            let folder = TempDir::new().unwrap();
            let root = folder.path().canonicalize().unwrap();
            fs::create_dir_all(root.join("home/project/deep")).unwrap();
            Self { folder, root }
        }

        fn write(&self, path: &str, text: &str) -> &Self {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }

        fn sources(&self, current: &str) -> ProfileSources {
            let facts = Facts {
                system: Some(self.root.join("etc")),
                user: Some(self.root.join("home/.config/drivetrain")),
                current: Some(self.root.join(current)),
                home: Some(self.root.join("home")),
            };
            let variables = vec![("DRIVETRAIN_PRECISION".to_owned(), OsString::from("bf16"))];
            ProfileSources { files: files(&facts), variables }
        }

        fn check_project(&self, current: &str, expected: &str) {
            let sources = self.sources(current);
            assert_eq!(sources.files()[2].path, self.root.join(expected), "from {current}");
        }
    }

    #[test]
    fn the_nearest_project_counts_and_home_is_none() {
        let machine = Machine::new();
        machine.write("drivetrain.toml", "").write("home/drivetrain.toml", "");
        machine.check_project("home/project/deep", "home/project/deep/drivetrain.toml");
        assert!(!machine.sources("home/project/deep").files()[2].is_there());
        machine.check_project("home", "home/drivetrain.toml");
        machine.write("home/project/drivetrain.toml", "");
        machine.check_project("home/project/deep", "home/project/drivetrain.toml");
        fs::create_dir(machine.root.join("home/project/deep/drivetrain.toml")).unwrap();
        machine.check_project("home/project/deep", "home/project/drivetrain.toml");
        fs::remove_file(machine.root.join("home/project/drivetrain.toml")).unwrap();
        assert!(!machine.sources("home/project/deep").files()[2].is_there());
    }

    #[test]
    fn home_itself_does_not_look_above_itself() {
        let machine = Machine::new();
        machine.write("drivetrain.toml", "");
        machine.check_project("home", "home/drivetrain.toml");
        assert!(!machine.sources("home").files()[2].is_there());
    }

    #[test]
    fn layers_come_from_the_weakest_to_the_strongest() {
        let machine = Machine::new();
        machine.write("etc/profile.toml", "model = \"system\"\nbackend = \"system\"\ndevice = \"system\"\nthreads = 1");
        machine.write("home/.config/drivetrain/profile.toml", "backend = \"user\"\ndevice = \"user\"\nthreads = 2");
        machine.write("home/project/drivetrain.toml", "device = \"project\"\nthreads = 3\nprecision = \"f16\"");
        machine.write("first.toml", "threads = 4\npipeline.window = 4").write("second.toml", "pipeline.window = 5");
        let named = ["first.toml", "second.toml"].map(|name| machine.root.join(name));
        let layers = machine.sources("home/project/deep").layers(&named).unwrap();
        let profile = Profile::build(&layers).unwrap();
        let named = [&profile.backend, &profile.device].map(|choice| choice.value.named().unwrap().to_owned());
        assert_eq!((profile.model.value.as_str(), named.concat().as_str()), ("system", "userproject"));
        assert_eq!(profile.precision.origin.to_string(), "DRIVETRAIN_PRECISION");
        let counts = [&profile.threads, &profile.pipeline.window].map(|amount| amount.value.count().unwrap().get());
        assert_eq!(counts, [4, 5]);
    }

    #[test]
    fn a_projects_profile_is_trusted_when_it_is_named() {
        let machine = Machine::new();
        machine.write("home/project/drivetrain.toml", "plugins = [\"/x\"]");
        let sources = machine.sources("home/project");
        let message = sources.layers(&[]).unwrap_err().to_string();
        assert!(message.contains("`plugins` must not be set by a project's profile"), "{message}");
        let layers = sources.layers(&[machine.root.join("home/project/deep/../drivetrain.toml")]).unwrap();
        assert_eq!(Profile::build(&layers).unwrap().plugins.value, [Path::new("/x")]);
        assert_eq!(ProfileSources::default().layers(&[]).map(|layers| layers.len()).unwrap(), 1);
    }

    /// Only the administrator can give files away, so elsewhere this shows nothing.
    #[cfg(unix)]
    #[test]
    fn a_strangers_file_above_the_folder_does_not_count() {
        use std::os::unix::fs::chown;
        let machine = Machine::new();
        machine.write("home/project/drivetrain.toml", "").write("home/drivetrain.toml", "");
        let (folder, file) =
            (machine.root.join("home/project/deep"), machine.root.join("home/project/drivetrain.toml"));
        if chown(&folder, Some(12345), None).is_err() || chown(&file, Some(54321), None).is_err() {
            return;
        }
        machine.check_project("home/project/deep", "home/project/deep/drivetrain.toml");
        machine.check_project("home/project", "home/project/drivetrain.toml");
        chown(&file, Some(12345), None).unwrap();
        machine.check_project("home/project/deep", "home/project/drivetrain.toml");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_there_but_cannot_be_read_is_an_error() {
        let machine = Machine::new();
        let user = machine.root.join("home/.config/drivetrain");
        fs::create_dir_all(user.join(FILE)).unwrap();
        let message = machine.sources("home/project").layers(&[]).unwrap_err().to_string();
        assert!(message.contains("is no file"), "{message}");
        fs::remove_dir(user.join(FILE)).unwrap();
        std::os::unix::fs::symlink("nowhere", user.join(FILE)).unwrap();
        let message = machine.sources("home/project").layers(&[]).unwrap_err().to_string();
        assert!(message.contains("cannot read profile"), "{message}");
    }
}
