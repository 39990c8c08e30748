//! `alloquy-sim`: runs seeds, replays one, plays scenarios.

mod out;

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use alloquy_sim::hostile::withheld;
use alloquy_sim::machine::Core;
use alloquy_sim::report::{Outcome, Table};
use alloquy_sim::trace::Trace;
use alloquy_sim::{hostile, model, relayed, run, scenario, soak, voice};
use clap::{Parser, Subcommand};

/// Simulates many Alloquy nodes on one virtual clock, with faults, and checks what must hold.
#[derive(Debug, Parser)]
#[command(name = "alloquy-sim", version, about)]
struct Args {
    #[command(subcommand)]
    what: What,
}

/// Which seeds to run, and how.
#[derive(Debug, clap::Args)]
struct Seeds {
    /// How many seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Threads; by default one for each core.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Plays each so many-th seed once more and compares; 1 is every one.
    #[arg(long, default_value = "1")]
    twice: NonZeroU64,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Runs seeds and prints one table.
    Run(Seeds),
    /// Runs one seed and prints everything that goes in and comes out.
    Replay {
        /// The seed.
        seed: u64,
    },
    /// Plays scenario files; simulations/scenarios/GRAMMAR.md describes them.
    Scenario {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Also prints everything that goes in and comes out.
        #[arg(long)]
        trace: bool,
    },
    /// Runs seeds with members who do not keep to the program, and prints one table.
    Hostile(Seeds),
    /// Runs one seed with such members and prints everything that goes in and comes out.
    HostileReplay {
        /// The seed.
        seed: u64,
    },
    /// The same for a member's home node that does not keep to the program.
    Home(Seeds),
    /// One seed of these, with everything that goes in and comes out.
    HomeReplay {
        /// The seed.
        seed: u64,
    },
    /// Runs seeds in which a home node withholds history from who was away, and prints one table.
    Withheld(Seeds),
    /// Runs one seed with such a home node and prints everything that goes in and comes out.
    WithheldReplay {
        /// The seed.
        seed: u64,
    },
    /// Runs seeds in which a relay forges, withholds, delays and cuts, and prints one table.
    Relayed(Seeds),
    /// Runs one seed with such a relay and prints everything that goes in and comes out.
    RelayedReplay {
        /// The seed.
        seed: u64,
    },
    /// Runs seeds in which members go in and out of voice channels, and prints one table.
    Voice(Seeds),
    /// Runs one such seed and prints everything that goes in and comes out.
    VoiceReplay {
        /// The seed.
        seed: u64,
    },
    /// Lets three devices of one account come and go beside other members while all write, and counts what is
    /// undecryptable, lost or doubled at the end.
    Soak {
        /// Messages in all.
        #[arg(long, default_value_t = 2_000)]
        messages: u64,
        /// Messages of one world: a long soak is several worlds, each of the next seed.
        #[arg(long, default_value_t = soak::WORLD_MESSAGES, value_parser = clap::value_parser!(u64).range(1..=100_000))]
        world_messages: u64,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Tries every history of a few operations on the authority rule and prints how many there were.
    Model {
        /// Operations of one history.
        #[arg(long, default_value_t = 3)]
        operations: usize,
        /// Only this world.
        #[arg(long)]
        world: Option<String>,
        /// People who act in one history at most; by default all of the world.
        #[arg(long)]
        replicas: Option<usize>,
    },
}

fn main() -> ExitCode {
    match Args::parse().what {
        What::Run(seeds) => run_seeds(&seeds, Kind::Chaos),
        What::Replay { seed } => replay(seed, Kind::Chaos),
        What::Hostile(seeds) => run_seeds(&seeds, Kind::Hostile),
        What::HostileReplay { seed } => replay(seed, Kind::Hostile),
        What::Home(seeds) => run_seeds(&seeds, Kind::Home),
        What::HomeReplay { seed } => replay(seed, Kind::Home),
        What::Withheld(seeds) => run_seeds(&seeds, Kind::Withheld),
        What::WithheldReplay { seed } => replay(seed, Kind::Withheld),
        What::Relayed(seeds) => run_seeds(&seeds, Kind::Relayed),
        What::RelayedReplay { seed } => replay(seed, Kind::Relayed),
        What::Voice(seeds) => run_seeds(&seeds, Kind::Voice),
        What::VoiceReplay { seed } => replay(seed, Kind::Voice),
        What::Scenario { files, trace } => play(&files, trace),
        What::Model {
            operations,
            world,
            replicas,
        } => explore(operations, world.as_deref(), replicas),
        What::Soak {
            messages,
            world_messages,
            seed,
        } => soak(seed, messages, world_messages),
    }
}

fn explore(operations: usize, only: Option<&str>, replicas: Option<usize>) -> ExitCode {
    let worlds = model::worlds();
    let chosen = worlds
        .iter()
        .filter(|world| only.is_none_or(|name| name == world.name));
    let mut found = false;
    for world in chosen {
        found = true;
        let replicas = replicas.unwrap_or_else(|| world.replicas());
        // A line for each length: what is long can be ended and has shown something.
        for length in 1..=operations.min(world.moves.len()) {
            let name = world.name;
            match model::explore_length(world, length, replicas) {
                Ok(count) => out::line(&format!(
                    "{name}: {length} operations of at most {replicas} replicas, {} histories, {} orders, \
                     {} effective, {} fell, {} revived",
                    count.histories, count.orders, count.effective, count.fell, count.revived
                )),
                Err(broken) => {
                    out::line(&format!("{name}: VIOLATION {broken}"));
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    if found {
        return ExitCode::SUCCESS;
    }
    let names: Vec<_> = worlds.iter().map(|world| world.name).collect();
    out::line(&format!(
        "there is no world {:?}; the worlds are {}",
        only.unwrap_or_default(),
        names.join(", ")
    ));
    ExitCode::FAILURE
}

/// What a seed is the seed of.
#[derive(Clone, Copy)]
enum Kind {
    Chaos,
    Hostile,
    Home,
    Withheld,
    Relayed,
    Voice,
}

impl Kind {
    fn twice(self, seed: u64) -> Outcome {
        match self {
            Self::Chaos => run::seed_twice(seed, &Core::default()),
            Self::Hostile => hostile::seed_twice(seed, &Core::default()),
            Self::Home => hostile::home_seed_twice(seed, &Core::default()),
            Self::Withheld => withheld::seed_twice(seed, &Core::default()),
            Self::Relayed => relayed::seed_twice(seed, &Core::default()),
            Self::Voice => voice::seed_twice(seed, &Core::default()),
        }
    }

    fn once(self, seed: u64, trace: Trace) -> Outcome {
        match self {
            Self::Chaos => run::seed_once(seed, &Core::default(), trace),
            Self::Hostile => hostile::seed_once(seed, &Core::default(), trace),
            Self::Home => hostile::home_seed_once(seed, &Core::default(), trace),
            Self::Withheld => withheld::seed_once(seed, &Core::default(), trace).outcome,
            Self::Relayed => relayed::seed_once(seed, &Core::default(), trace),
            Self::Voice => voice::seed_once(seed, &Core::default(), trace),
        }
    }

    const fn replay(self) -> &'static str {
        match self {
            Self::Chaos => "replay",
            Self::Hostile => "hostile-replay",
            Self::Home => "home-replay",
            Self::Withheld => "withheld-replay",
            Self::Relayed => "relayed-replay",
            Self::Voice => "voice-replay",
        }
    }
}

fn run_seeds(seeds: &Seeds, kind: Kind) -> ExitCode {
    let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = seeds.threads.unwrap_or_else(cores).get();
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let outcomes: Mutex<Vec<Outcome>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= seeds.seeds {
                        break;
                    }
                    let seed = seeds.first_seed.wrapping_add(number);
                    let outcome = if number % seeds.twice == 0 {
                        kind.twice(seed)
                    } else {
                        kind.once(seed, Trace::default())
                    };
                    if !outcome.violations.is_empty() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    outcomes
                        .lock()
                        .expect("no thread panics while it holds the lock")
                        .push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes
        .into_inner()
        .expect("no thread panics while it holds the lock");
    outcomes.sort_by_key(|outcome| outcome.seed);
    let mut table = Table::default();
    for outcome in &outcomes {
        let number = outcome.seed.wrapping_sub(seeds.first_seed);
        table.add(outcome, number % seeds.twice == 0);
    }
    out::print(&table.to_string());
    let Some(broken) = outcomes
        .iter()
        .find(|outcome| !outcome.violations.is_empty())
    else {
        return ExitCode::SUCCESS;
    };
    for violation in &broken.violations {
        out::line(&format!("seed {}: {violation}", broken.seed));
    }
    let replay = kind.replay();
    out::line(&format!("alloquy-sim {replay} {}", broken.seed));
    ExitCode::FAILURE
}

fn soak(first: u64, messages: u64, world_messages: u64) -> ExitCode {
    let mut all = soak::Outcome::default();
    let worlds = messages.div_ceil(world_messages);
    for number in 0..worlds {
        let seed = first.wrapping_add(number);
        let here = world_messages.min(messages - number * world_messages);
        let one = soak::world(seed, here, &Core::default());
        out::print(&format!("seed {seed}: {one}"));
        for violation in &one.violations {
            out::line(&format!("seed {seed}: {violation}"));
        }
        all.add(one);
    }
    out::print(&format!("all: {all}"));
    if all.violations.is_empty() && all.found.is_nothing() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn replay(seed: u64, kind: Kind) -> ExitCode {
    let outcome = kind.once(seed, Trace::with_sink(Box::new(|line| out::line(&line))));
    out::line(&format!(
        "trace {}",
        blake3::Hash::from_bytes(outcome.hash).to_hex()
    ));
    for violation in &outcome.violations {
        out::line(&format!("seed {seed}: {violation}"));
    }
    if outcome.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn play(files: &[PathBuf], trace: bool) -> ExitCode {
    let mut failed = false;
    for file in files {
        let name = file.display();
        let result = std::fs::read_to_string(file)
            .map_err(|error| error.to_string())
            .and_then(|text| {
                let trace = if trace {
                    Trace::with_sink(Box::new(|line| out::line(&line)))
                } else {
                    Trace::default()
                };
                scenario::play(&text, &Core::default(), trace).map_err(|error| error.to_string())
            });
        match result {
            Ok(()) => out::line(&format!("{name}: passed")),
            Err(error) => {
                out::line(&format!("{name}: FAILED: {error}"));
                failed = true;
            }
        }
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
