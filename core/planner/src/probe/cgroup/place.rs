//! Where the control groups of this process are: `/proc/self/cgroup` names them, `/proc/self/mountinfo` their folders.

use super::Tree;

/// What a hierarchy of groups is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Controller {
    /// Version 2: one hierarchy for everything.
    All,
    /// Version 1: time of processors.
    Cpu,
    /// Version 1: which processors.
    Cpuset,
    /// Version 1: memory.
    Memory,
}

/// A group this process is in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) controller: Controller,
    /// Where the hierarchy begins, as far as it can be seen.
    mount: String,
    /// Folders below it down to the group.
    below: Vec<String>,
}

impl Group {
    /// The group's folder, then each above it.
    pub(super) fn folders(&self) -> impl Iterator<Item = String> {
        (0..=self.below.len())
            .rev()
            .map(|depth| self.below[..depth].iter().fold(self.mount.clone(), |folder, name| format!("{folder}/{name}")))
    }
}

/// Every group that may limit us.
pub(super) fn groups(tree: &Tree) -> Vec<Group> {
    let (Some(groups), Some(mounts)) = (tree.read("/proc/self/cgroup"), tree.read("/proc/self/mountinfo")) else {
        return Vec::new();
    };
    let mounts: Vec<Mount> = mounts.lines().filter_map(Mount::parse).collect();
    groups.lines().flat_map(|line| of_line(line, &mounts, tree)).collect()
}

/// A line such as `4:cpu,cpuacct:/user.slice`, or `0::/user.slice` for version 2.
fn of_line(line: &str, mounts: &[Mount], tree: &Tree) -> Vec<Group> {
    let mut parts = line.splitn(3, ':');
    let (Some(_), Some(names), Some(path)) = (parts.next(), parts.next(), parts.next()) else { return Vec::new() };
    let controllers = names.split(',').filter_map(|name| match name {
        "" => Some(Controller::All),
        "cpu" => Some(Controller::Cpu),
        "cpuset" => Some(Controller::Cpuset),
        "memory" => Some(Controller::Memory),
        _ => None,
    });
    controllers.filter_map(|controller| group(controller, path, mounts, tree)).collect()
}

/// The group `path` of a hierarchy, where the hierarchy is mounted.
fn group(controller: Controller, path: &str, mounts: &[Mount], tree: &Tree) -> Option<Group> {
    let of_controller = || mounts.iter().filter(|mount| mount.has(controller));
    let inside = of_controller().find_map(|mount| {
        let below = mount.below(path)?;
        let group = Group { controller, mount: mount.point.clone(), below };
        let is_there = group.folders().next().is_some_and(|folder| tree.has_folder(&folder));
        is_there.then_some(group)
    });
    // Where a container sees its own group as the root, but its path from outside.
    inside.or_else(|| {
        let mount = of_controller().next()?.point.clone();
        Some(Group { controller, mount, below: Vec::new() })
    })
}

/// A mounted hierarchy.
#[derive(Debug)]
struct Mount {
    /// The group that appears at the mount point.
    root: String,
    point: String,
    is_v2: bool,
    options: String,
}

impl Mount {
    /// A line of `mountinfo`: id, parent, device, root, mount point, options, optional fields, `-`, type, source,
    /// options of the file system (proc_pid_mountinfo(5)).
    fn parse(line: &str) -> Option<Self> {
        let (mounted, system) = line.split_once(" - ")?;
        let mut mounted = mounted.split(' ').skip(3);
        let (root, point) = (unescaped(mounted.next()?)?, unescaped(mounted.next()?)?);
        let mut system = system.split(' ');
        let is_v2 = match system.next()? {
            "cgroup2" => true,
            "cgroup" => false,
            _ => return None,
        };
        let options = system.nth(1).unwrap_or_default().to_owned();
        let point = point.trim_end_matches('/').to_owned();
        Some(Self { root, point, is_v2, options })
    }

    fn has(&self, controller: Controller) -> bool {
        let named = |name| !self.is_v2 && self.options.split(',').any(|option| option == name);
        match controller {
            Controller::All => self.is_v2,
            Controller::Cpu => named("cpu"),
            Controller::Cpuset => named("cpuset"),
            Controller::Memory => named("memory"),
        }
    }

    /// The folders that lead from the mount point to the group `path`; `None` where it is not below.
    fn below(&self, path: &str) -> Option<Vec<String>> {
        let rest = path.strip_prefix(self.root.trim_end_matches('/'))?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let names: Vec<String> = rest.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        (!names.iter().any(|name| name == "..")).then_some(names)
    }
}

/// A path in which `\040` stands for a blank, and other bytes likewise.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut parts = text.split('\\');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (code, rest) = part.split_at_checked(3)?;
        bytes.push(u8::from_str_radix(code, 8).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescaped(r"/a\040b\134c").unwrap(), r"/a b\c");
        for broken in [r"/a\04", r"/a\999", r"/a\é40", r"\", r"/\377"] {
            assert_eq!(unescaped(broken), None, "{broken}");
        }
    }

    #[test]
    fn lines_that_are_no_mount_are_passed_over() {
        for line in ["", " - ", "1 2 0:3 / /sys/fs/cgroup rw -", "1 2 0:3 / /proc rw - proc proc rw", "a - cgroup2"] {
            assert!(Mount::parse(line).is_none(), "{line}");
        }
        let mount =
            Mount::parse("35 24 0:30 /docker/a /sys/fs/cgroup ro shared:9 - cgroup2 cgroup rw,nsdelegate").unwrap();
        assert!(mount.has(Controller::All) && !mount.has(Controller::Cpu));
        assert_eq!(mount.below("/docker/a/b/c").unwrap(), ["b", "c"]);
        assert_eq!(mount.below("/docker/a").unwrap(), [""; 0]);
        for elsewhere in ["/docker/ab", "/docker", "/", "/docker/a/../../x"] {
            assert_eq!(mount.below(elsewhere), None, "{elsewhere}");
        }
    }
}
