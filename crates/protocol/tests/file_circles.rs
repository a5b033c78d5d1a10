//! Files that use each other in a circle can't be read one after the other. In `protocol` and `server` there is no such circle, and in
//! the other crates none is longer than it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::slice;

use proc_macro2::{TokenStream, TokenTree};
use rstest::rstest;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, Path as RustPath, UseTree, Visibility};

/// A module by the names that lead to it from its crate; that of the crate itself is empty.
type Module = Vec<String>;

#[rstest]
#[case::protocol("protocol", 1)]
#[case::server("server", 1)]
#[case::issuer("issuer", 1)]
#[case::client("client", 4)]
#[case::guard("guard", 4)]
#[case::store("store", 13)]
#[case::safeconduct("safeconduct", 3)]
fn no_circle_of_files_is_longer_than(#[case] crate_name: &str, #[case] longest: usize) {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let source = crates.join(crate_name).join("src");
    let files = Files::read(&source).unwrap();
    assert!(!files.0.is_empty(), "{} is not read", source.display());
    let too_long: Vec<_> = circles(&files.arrows())
        .into_iter()
        .filter(|circle| circle.len() > longest)
        .map(|circle| {
            circle
                .iter()
                .map(|file| file.join("::"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(too_long.is_empty(), "{too_long:#?}");
}

#[test]
fn a_circle_is_found_through_everything_that_can_make_one() {
    let read = |file: &str| File::parse(file).unwrap();
    let files = Files(BTreeMap::from([
        (vec![], read("mod a; mod b; mod c; mod d; pub use a::Made;")),
        (module("a"), read("use crate::{d::Other as _, b};")),
        (
            module("b"),
            read("fn f() { println!(\"{}\", super::c::NAME); }"),
        ),
        (
            module("c"),
            read("pub fn made() -> crate::Made { crate::Made }"),
        ),
        // What only tests use is no arrow.
        (
            module("d"),
            read("#[cfg(test)] mod tests { use crate::a; }"),
        ),
    ]));
    let found = circles(&files.arrows());
    assert_eq!(
        found,
        [BTreeSet::from([module("a"), module("b"), module("c")])]
    );
}

/// The files of a crate that are not tests.
struct Files(BTreeMap<Module, File>);

/// What a file says of others.
#[derive(Default)]
struct File {
    /// The paths that it names, as they stand there.
    paths: Vec<Vec<String>>,
    /// What it gives out under a name of its own: the name, and the path behind it.
    given_out: BTreeMap<String, Vec<String>>,
    /// The modules of it that are tests alone.
    tests: BTreeSet<String>,
}

impl Files {
    fn read(source: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        read_below(source, &mut Vec::new(), &mut files)?;
        let tests: Vec<Module> = files
            .iter()
            .flat_map(|(module, file): (&Module, &File)| {
                file.tests
                    .iter()
                    .map(|name| [module.as_slice(), slice::from_ref(name)].concat())
            })
            .collect();
        files.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Ok(Self(files))
    }

    /// Which file uses which others.
    fn arrows(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let of_file = |(module, file): (&Module, &File)| {
            let used = file.paths.iter().filter_map(|path| self.used(module, path));
            let used = used.filter(|used| used != module);
            // To give out what a module below holds is not to use it.
            let given_out = file
                .given_out
                .values()
                .filter_map(|path| self.used(module, path));
            let given_out = given_out.filter(|used| !used.starts_with(module));
            (module.clone(), used.chain(given_out).collect())
        };
        self.0.iter().map(of_file).collect()
    }

    /// The file that a path in another one leads to, if it is of this crate.
    fn used(&self, module: &Module, path: &[String]) -> Option<Module> {
        let mut absolute = self.absolute(module, path)?;
        // A name may be given out again and again; no chain of that is this long.
        for _ in 0..8 {
            let at = (0..=absolute.len())
                .rev()
                .find(|end| self.0.contains_key(&absolute[..*end]))?;
            let (holder, rest) = absolute.split_at(at);
            let behind = rest
                .first()
                .and_then(|name| self.0[holder].given_out.get(name));
            let Some(behind) = behind.and_then(|path| self.absolute(&holder.to_vec(), path)) else {
                return Some(holder.to_vec());
            };
            absolute = [behind, rest[1..].to_vec()].concat();
        }
        None
    }

    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let first = path.first()?;
        match first.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([module, &path[1..]].concat()),
            "super" => {
                let above = path.iter().take_while(|name| *name == "super").count();
                let base = module.get(..module.len().checked_sub(above)?)?;
                Some([base, &path[above..]].concat())
            }
            // A name alone is a variable's.
            _ if path.len() == 1 => None,
            _ => {
                let child = [module.as_slice(), slice::from_ref(first)].concat();
                let whole = [module.as_slice(), path].concat();
                self.0.contains_key(&child).then_some(whole)
            }
        }
    }
}

fn read_below(
    folder: &Path,
    module: &mut Module,
    files: &mut BTreeMap<Module, File>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        if path.is_dir() {
            module.push(name);
            read_below(&path, module, files)?;
            module.pop();
        } else if is_rust && name != "main" {
            let mut of_file = module.clone();
            if !["mod", "lib"].contains(&name.as_str()) {
                of_file.push(name);
            }
            let file = File::parse(&fs::read_to_string(&path)?);
            files.insert(of_file, file.map_err(io::Error::other)?);
        }
    }
    Ok(())
}

impl File {
    fn parse(text: &str) -> syn::Result<Self> {
        let mut file = Self::default();
        file.visit_file(&syn::parse_file(text)?);
        Ok(file)
    }

    fn read_tokens(&mut self, tokens: TokenStream) {
        let mut path = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if path.is_empty() || colons == 2 => {
                    path.push(name.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => self.read_tokens(group.stream()),
                _ => {}
            }
            self.paths.push(std::mem::take(&mut path));
            colons = 0;
        }
        self.paths.push(path);
    }
}

impl<'ast> Visit<'ast> for File {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = attributes_of(item);
        if attributes.iter().any(is_for_tests) {
            if let Item::Mod(ItemMod {
                ident,
                content: None,
                ..
            }) = item
            {
                self.tests.insert(ident.to_string());
            }
            return;
        }
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut leaves = Vec::new();
        read_use(&item.tree, &mut Vec::new(), &mut leaves);
        for (name, path) in leaves {
            match item.vis {
                Visibility::Inherited => self.paths.push(path),
                _ => drop(self.given_out.insert(name, path)),
            }
        }
    }

    fn visit_path(&mut self, path: &'ast RustPath) {
        let names = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.paths.push(names.collect());
        visit::visit_path(self, path);
    }

    /// Who may see it is no use of theirs.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.read_tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }
}

/// Each name that a `use` brings, with the path to what it names.
fn read_use(tree: &UseTree, above: &mut Vec<String>, leaves: &mut Vec<(String, Vec<String>)>) {
    let mut leaf = |name: String, last: Option<String>| {
        let path = above.iter().cloned().chain(last);
        leaves.push((name, path.collect()));
    };
    match tree {
        UseTree::Path(path) => {
            above.push(path.ident.to_string());
            read_use(&path.tree, above, leaves);
            above.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            let name = above.last().cloned().unwrap_or_default();
            leaf(name, None);
        }
        UseTree::Name(name) => leaf(name.ident.to_string(), Some(name.ident.to_string())),
        UseTree::Rename(rename) => leaf(rename.rename.to_string(), Some(rename.ident.to_string())),
        UseTree::Glob(_) => leaf("*".to_owned(), None),
        UseTree::Group(group) => {
            for tree in &group.items {
                read_use(tree, above, leaves);
            }
        }
    }
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Ident>()
            .is_ok_and(|condition| condition == "test")
}

/// The files from each of which one gets to all others of the circle and back.
fn circles(arrows: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<BTreeSet<Module>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = arrows
        .keys()
        .map(|file| (file, reached_from(file, arrows)))
        .collect();
    let circle = |file: &Module| -> BTreeSet<Module> {
        let there = reached[file].iter().copied();
        let both = there.filter(|other| reached.get(other).is_some_and(|back| back.contains(file)));
        both.cloned().collect()
    };
    let found: BTreeSet<_> = arrows
        .keys()
        .map(circle)
        .filter(|circle| circle.len() > 1)
        .collect();
    found.into_iter().collect()
}

fn reached_from<'a>(
    file: &'a Module,
    arrows: &'a BTreeMap<Module, BTreeSet<Module>>,
) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut next = vec![file];
    while let Some(file) = next.pop() {
        for used in arrows.get(file).into_iter().flatten() {
            if reached.insert(used) {
                next.push(used);
            }
        }
    }
    reached
}

fn module(name: &str) -> Module {
    vec![name.to_owned()]
}
