//! `./scripts/soak mutations`: every check of the list, or a sample of mutations at random.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use safeconduct_testing_mutations::cargo::{Cargo, Verdict};
use safeconduct_testing_mutations::edit::{Edit, Tests};
use safeconduct_testing_mutations::list::List;
use safeconduct_testing_mutations::switch::switched;
use safeconduct_testing_mutations::tree::Tree;
use safeconduct_testing_mutations::{root, sample};

/// Takes one check out of the code at a time, and sees that a test fails for it
#[derive(Debug, Parser)]
struct Arguments {
    /// Only those with this in their words, file or tests; can be repeated
    #[arg(long)]
    only: Vec<String>,
    /// Instead of the list: so many mutations at random places of its files
    #[arg(long)]
    sample: Option<usize>,
    /// Which random places
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the copy of the workspace and what is built from it are kept
    #[arg(long)]
    scratch: Option<PathBuf>,
}

/// How many of a sample must be noticed, in hundredths.
const ENOUGH_OF_A_SAMPLE: usize = 95;

/// How many more of a sample are built than judged, for those that do not compile.
const SPARE: usize = 2;

/// Without a change, tests may take this long.
const LONGEST: Duration = Duration::from_secs(900);

/// With a change they may take so many times as long as without it, and this much more.
const TIMES: u32 = 5;
const MORE: Duration = Duration::from_secs(60);

fn main() -> Result<ExitCode> {
    let begun = Instant::now();
    let arguments = Arguments::parse();
    let (root, list) = (root(), List::read()?);
    let mut edits = match arguments.sample {
        None => list.edits(&root).into_iter().collect::<Result<Vec<_>>>()?,
        Some(_) => sample::shuffled(&list, &root, arguments.seed)?,
    };
    edits.retain(|edit| is_wanted(edit, &arguments.only));
    edits.truncate(arguments.sample.map_or(edits.len(), |most| most * SPARE));
    ensure!(!edits.is_empty(), "there is no such mutation");
    let scratch = arguments
        .scratch
        .unwrap_or_else(|| root.join("target/mutations"));

    let mut built = Built::new(Tree::copy(&root, scratch.join("tree"))?, &scratch, edits)?;
    let broken = built.build(&list)?;
    println!("built in {} s", begun.elapsed().as_secs());
    built.run_unchanged()?;
    let survivors = built.judge_each(&broken, arguments.sample)?;
    let judged = survivors.judged;
    println!(
        "\n{} of {judged} noticed, {} do not compile, in {} s",
        judged - survivors.count,
        broken.len(),
        begun.elapsed().as_secs()
    );
    let good = match arguments.sample {
        None => survivors.count + broken.len() == 0,
        Some(_) => judged > 0 && (judged - survivors.count) * 100 >= judged * ENOUGH_OF_A_SAMPLE,
    };
    Ok(ExitCode::from(u8::from(!good)))
}

fn is_wanted(edit: &Edit, only: &[String]) -> bool {
    let tests = edit.tests.iter().map(words);
    let texts = [edit.what.clone(), edit.file.clone()]
        .into_iter()
        .chain(tests);
    let said = texts.collect::<Vec<_>>().join("\n");
    only.is_empty() || only.iter().any(|only| said.contains(only))
}

fn words(tests: &Tests) -> String {
    format!("{} {}", tests.target, tests.filters.join(" "))
}

/// All mutations in one copy of the workspace.
struct Built {
    tree: Tree,
    cargo: Cargo,
    edits: Vec<Edit>,
    /// The files without any change.
    sources: BTreeMap<String, String>,
    /// How long tests take without any change.
    unchanged: BTreeMap<Tests, Duration>,
}

struct Survivors {
    judged: usize,
    count: usize,
}

impl Built {
    fn new(tree: Tree, scratch: &Path, edits: Vec<Edit>) -> Result<Self> {
        let mut sources = BTreeMap::new();
        for edit in &edits {
            if !sources.contains_key(&edit.file) {
                sources.insert(edit.file.clone(), tree.source(&edit.file)?);
            }
        }
        Ok(Self {
            cargo: Cargo::new(tree.folder(), scratch),
            tree,
            edits,
            sources,
            unchanged: BTreeMap::new(),
        })
    }

    /// Builds every target that is needed, without the mutations that do not compile: their numbers are the answer.
    fn build(&mut self, list: &List) -> Result<BTreeSet<usize>> {
        let tests = self.edits.iter().flat_map(|edit| &edit.tests);
        let needed: BTreeSet<String> = tests.map(|tests| tests.target.clone()).collect();
        let mut broken = BTreeSet::new();
        for name in &needed {
            let target = list.targets.get(name);
            let target = target.with_context(|| format!("no target is called {name}"))?;
            loop {
                let lines = self.write(&broken)?;
                let Err(errors) = self.cargo.build(name, target)? else {
                    break;
                };
                let at_fault: BTreeSet<usize> = errors
                    .iter()
                    .filter_map(|(file, line)| {
                        let of_file = lines.get(file.as_str())?;
                        let mut narrowest: Vec<_> = of_file
                            .iter()
                            .filter(|(_, lines)| lines.contains(line))
                            .collect();
                        narrowest.sort_by_key(|(_, lines)| lines.end() - lines.start());
                        narrowest.first().map(|(number, _)| *number)
                    })
                    .collect();
                if at_fault.is_empty() {
                    bail!("{name} does not compile:\n{}", self.cargo.said());
                }
                broken.extend(at_fault);
            }
        }
        // A target that was built before another one's errors were found is built of other sources than the last.
        for name in &needed {
            let target = &list.targets[name];
            let rebuilt = self.cargo.build(name, target)?;
            ensure!(rebuilt.is_ok(), "{name} compiled before, and does not now");
        }
        Ok(broken)
    }

    /// Writes all files of the mutations, but for those that do not compile, and says which lines are whose.
    fn write(&self, without: &BTreeSet<usize>) -> Result<BTreeMap<String, Lines>> {
        let mut lines = BTreeMap::new();
        for (file, source) in &self.sources {
            let numbered = self.edits.iter().enumerate();
            let of_file =
                numbered.filter(|(number, edit)| edit.file == *file && !without.contains(number));
            let switched = switched(source, of_file);
            ensure!(
                switched.overlapping.is_empty(),
                "two changes overlap in {file}"
            );
            self.tree.write(file, switched.text.as_bytes())?;
            lines.insert(file.clone(), switched.lines);
        }
        Ok(lines)
    }

    /// Without any change every test must pass: one that fails anyway notices nothing.
    fn run_unchanged(&mut self) -> Result<()> {
        let tests: BTreeSet<&Tests> = self.edits.iter().flat_map(|edit| &edit.tests).collect();
        for tests in tests {
            let begun = Instant::now();
            match self.cargo.test(tests, None, LONGEST)? {
                Verdict::Passed(0) => bail!("there are no such tests: {}", words(tests)),
                Verdict::Passed(_) => {}
                Verdict::Failed => {
                    bail!(
                        "without any change: {}\n{}",
                        words(tests),
                        self.cargo.said()
                    )
                }
            }
            println!(
                "unchanged {:>4} s  {}",
                begun.elapsed().as_secs(),
                words(tests)
            );
            self.unchanged.insert(tests.clone(), begun.elapsed());
        }
        Ok(())
    }

    /// Judges the mutations that compile: all, or the first `most`.
    fn judge_each(&self, broken: &BTreeSet<usize>, most: Option<usize>) -> Result<Survivors> {
        let mut survivors = Survivors {
            judged: 0,
            count: 0,
        };
        for (number, edit) in self.edits.iter().enumerate() {
            if most.is_some_and(|most| survivors.judged == most) {
                break;
            }
            if broken.contains(&number) {
                println!("broken            {}  {}", edit.file, edit.what);
                continue;
            }
            let begun = Instant::now();
            let noticed = self.is_noticed(number, edit)?;
            let word = if noticed { "killed" } else { "SURVIVED" };
            let seconds = begun.elapsed().as_secs();
            println!("{word:<9} {seconds:>4} s  {}  {}", edit.file, edit.what);
            survivors.judged += 1;
            if !noticed {
                survivors.count += 1;
                let was = &self.sources[&edit.file][edit.range.clone()];
                println!("    - {was}\n    + {}", edit.to);
            }
        }
        Ok(survivors)
    }

    fn is_noticed(&self, number: usize, edit: &Edit) -> Result<bool> {
        for tests in &edit.tests {
            let unchanged = self.unchanged.get(tests).copied().unwrap_or(LONGEST);
            let longest = unchanged * TIMES + MORE;
            if self.cargo.test(tests, Some(number), longest)? == Verdict::Failed {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The lines that exist because of a mutation.
type Lines = Vec<(usize, std::ops::RangeInclusive<usize>)>;
