//! Which file of a crate needs which other, and where that goes round in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use anyhow::{Context, Result};

use super::source::Module;

/// The sources of a crate: the text of each file under its name, as seen from `src`.
pub(super) type Sources = BTreeMap<String, String>;

/// The place of a module in its crate: the words of its path.
type Place = Vec<String>;

/// What each file needs of each other.
type Needs = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Files of which each needs the next, and the last the first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Circle {
    /// The first one comes first in the alphabet.
    files: Vec<String>,
    /// What each needs of the next.
    names: Vec<String>,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            write!(f, "{file} → ")?;
        }
        let first = &self.files[0];
        write!(f, "{first} ({})", self.names.join("; "))
    }
}

/// The shortest circle through each need that is part of one.
pub(super) fn circles(sources: &Sources) -> Result<BTreeSet<Circle>> {
    let needs = Crate::load(sources)?.needs();
    let mut circles = BTreeSet::new();
    for (file, others) in &needs {
        for other in others.keys() {
            if let Some(files) = way(&needs, other, file) {
                circles.insert(Circle::new(files, &needs));
            }
        }
    }
    Ok(circles)
}

impl Circle {
    fn new(mut files: Vec<String>, needs: &Needs) -> Self {
        // The same circle starts anywhere.
        let first = (0..files.len()).min_by_key(|&index| &files[index]);
        files.rotate_left(first.unwrap_or_default());
        let nexts = files.iter().cycle().skip(1);
        let names = files
            .iter()
            .zip(nexts)
            .map(|(file, next)| {
                let names: Vec<_> = needs[file][next].iter().map(String::as_str).collect();
                format!("{} of {next}", names.join(", "))
            })
            .collect();
        Self { files, names }
    }
}

/// The shortest way from one file to another, both included.
fn way(needs: &Needs, from: &str, to: &str) -> Option<Vec<String>> {
    let mut queue = VecDeque::from([vec![from.to_owned()]]);
    let mut seen = BTreeSet::from([from.to_owned()]);
    while let Some(way) = queue.pop_front() {
        let last = way.last()?;
        if last == to {
            return Some(way);
        }
        for next in needs.get(last).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(next.clone()) {
                queue.push_back([way.as_slice(), std::slice::from_ref(next)].concat());
            }
        }
    }
    None
}

/// The modules of a crate, each with the file that it is in.
struct Crate(BTreeMap<Place, (String, Module)>);

/// What a path means.
struct Target {
    module: Place,
    /// What in the module, if not the module itself.
    name: Option<String>,
}

impl Crate {
    fn load(sources: &Sources) -> Result<Self> {
        let mut modules = BTreeMap::new();
        let mut files = vec![(Place::new(), "lib.rs".to_owned())];
        while let Some((place, file)) = files.pop() {
            let module = sources
                .get(&file)
                .with_context(|| format!("there is no {file}"))
                .and_then(|text| {
                    Module::parse(text).with_context(|| format!("cannot read {file}"))
                })?;
            for name in &module.files {
                let child = child(sources, &file, name)?;
                files.push((below(&place, name), child));
            }
            add(&mut modules, place, &file, module);
        }
        Ok(Self(modules))
    }

    fn needs(&self) -> Needs {
        let mut needs = Needs::new();
        for (place, (file, module)) in &self.0 {
            // What is handed on and not named otherwise is for others.
            let imports = module
                .imports
                .iter()
                .filter(|import| !import.public || module.words.contains(&import.name))
                .map(|import| &import.path);
            for path in imports.chain(&module.paths) {
                // A module that is imported is named by paths, which say what of it is needed.
                if let Some(target) = self.resolve(place, path, DEPTH)
                    && let Some(name) = target.name
                    && self.0[&target.module].0 != *file
                {
                    needs
                        .entry(file.clone())
                        .or_default()
                        .entry(self.0[&target.module].0.clone())
                        .or_default()
                        .insert(name);
                }
            }
        }
        needs
    }

    /// What `path` means in the module at `place`, if it is of this crate.
    fn resolve(&self, place: &[String], path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(Place::new(), rest, depth),
            "self" | "super" => self.walk(place.to_vec(), path, depth),
            word if self.0.contains_key(&below(place, word)) => {
                self.walk(place.to_vec(), path, depth)
            }
            word => self.imported(place, word, rest, depth),
        }
    }

    /// From `module` along `path`, through what modules hand on.
    fn walk(&self, mut module: Place, path: &[String], depth: usize) -> Option<Target> {
        let mut rest = path;
        while let [first, after @ ..] = rest {
            let child = below(&module, first);
            match first.as_str() {
                "self" => {}
                "super" => _ = module.pop()?,
                // A function and a module may have the same name, and a module is not called.
                _ if after.is_empty() && self.has_import(&module, first) => {
                    return self.imported(&module, first, after, depth);
                }
                _ if self.0.contains_key(&child) => module = child,
                _ if self.has_import(&module, first) => {
                    return self.imported(&module, first, after, depth);
                }
                _ => {
                    let name = Some(first.clone());
                    return Some(Target { module, name });
                }
            }
            rest = after;
        }
        Some(Target { module, name: None })
    }

    fn has_import(&self, place: &[String], name: &str) -> bool {
        let module = self.0.get(place);
        module.is_some_and(|(_, module)| module.imports.iter().any(|import| import.name == name))
    }

    /// What `name`, which the module at `place` imports, and `rest` after it mean.
    fn imported(
        &self,
        place: &[String],
        name: &str,
        rest: &[String],
        depth: usize,
    ) -> Option<Target> {
        let depth = depth.checked_sub(1)?;
        let (_, module) = self.0.get(place)?;
        let import = module.imports.iter().find(|import| import.name == name)?;
        self.resolve(place, &[import.path.as_slice(), rest].concat(), depth)
    }
}

/// How often a name is handed on at most. `use anyhow::anyhow` would go on for ever.
const DEPTH: usize = 8;

fn add(
    modules: &mut BTreeMap<Place, (String, Module)>,
    place: Place,
    file: &str,
    mut module: Module,
) {
    for (name, inner) in std::mem::take(&mut module.inline) {
        add(modules, below(&place, &name), file, inner);
    }
    modules.insert(place, (file.to_owned(), module));
}

fn below(place: &[String], name: &str) -> Place {
    let mut place = place.to_vec();
    place.push(name.to_owned());
    place
}

/// The file of the module `name` that `file` declares.
fn child(sources: &Sources, file: &str, name: &str) -> Result<String> {
    let directory = match file.rsplit_once('/') {
        _ if file == "lib.rs" => "",
        Some((directory, "mod.rs")) => directory,
        _ => file.trim_end_matches(".rs"),
    };
    let stem = match directory {
        "" => name.to_owned(),
        _ => format!("{directory}/{name}"),
    };
    [format!("{stem}.rs"), format!("{stem}/mod.rs")]
        .into_iter()
        .find(|path| sources.contains_key(path))
        .with_context(|| format!("there is no file for the module {name} of {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let sources = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        let circles = circles(&sources).unwrap();
        circles.iter().map(Circle::to_string).collect()
    }

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        assert_eq!(
            found(&[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::put; pub struct Group;"),
                ("b.rs", "fn put(group: &crate::a::Group) {}"),
            ]),
            ["a.rs → b.rs → a.rs (put of b.rs; Group of a.rs)"]
        );
    }

    #[test]
    fn a_circle_goes_through_what_is_handed_on() {
        assert_eq!(
            found(&[
                ("lib.rs", "mod a; mod b; mod c; pub use a::A;"),
                ("a.rs", "use crate::b;\nfn f() { b::inner::g() }"),
                ("b/mod.rs", "pub mod inner;"),
                ("b/inner.rs", "use crate::c::C;"),
                ("c.rs", "use crate::A;"),
            ]),
            ["a.rs → b/inner.rs → c.rs → a.rs (g of b/inner.rs; C of c.rs; A of a.rs)"]
        );
    }

    #[test]
    fn a_parent_and_its_child_are_a_circle_if_each_needs_the_other() {
        let child = ("a/child.rs", "use super::Entry;");
        let lib = ("lib.rs", "mod a;");
        let parent = "mod child; pub struct Entry; fn f() { child::put() }";
        assert_eq!(
            found(&[lib, ("a.rs", parent), child]),
            ["a.rs → a/child.rs → a.rs (put of a/child.rs; Entry of a.rs)"]
        );
        let handed_on = "mod child; pub use child::put; pub struct Entry;";
        assert!(found(&[lib, ("a.rs", handed_on), child]).is_empty());
        let from_elsewhere = "mod child; use std::fs::Entry; use child::put;";
        assert!(found(&[lib, ("a.rs", from_elsewhere), child]).is_empty());
    }

    #[test]
    fn what_goes_one_way_or_stays_in_its_file_is_none() {
        assert!(
            found(&[
                ("lib.rs", "mod a; mod b; pub use a::anyhow;"),
                ("a.rs", "use anyhow::anyhow; use crate::b::B; mod field { use super::A; } use self::field::F;"),
                ("b.rs", "#[cfg(test)] mod tests { use crate::a::A; }"),
            ])
            .is_empty()
        );
    }
}
