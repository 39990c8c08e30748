//! `alloquy-node`: the headless face. Makes an account, runs its node, and talks to a running one.
//!
//! `init`, `run`, `irc-password` and `doctor` open a data directory themselves; `do`, `watch` and `status` are clients of
//! the node that another process runs there, over its local socket. Arguments are [`args`], everything
//! printed goes through [`out`], forms for people are made in [`shown`]. Deliberately not here: any rule
//! about communities (the core's), the grammar of lines (the contract's), prompts without a terminal.

mod args;
mod init;
mod irc;
mod link;
mod out;
mod serve;
mod shown;
mod talk;
mod voice;

use std::process::ExitCode;

use alloquy_api::{CommandError, ErrorCode};
use clap::{CommandFactory, Parser};
use clap_mangen::Man;

use args::{Action, Arguments};
use out::Out;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.action {
        Action::Init(init) => end(Out::new(init.json), |out| init::init(out, &init)),
        Action::Run(run) => end(Out::new(false), |out| serve::run(out, &run)),
        Action::Do(line) => end(Out::new(line.json), |out| talk::carry_out(out, &line)),
        Action::Watch(watch) => end(Out::new(watch.json), |out| talk::watch(out, &watch)),
        Action::Status(look) => end(Out::new(look.json), |out| talk::status(out, &look)),
        Action::Doctor(doctor) => end(Out::new(doctor.json), |out| talk::doctor(out, &doctor)),
        Action::IrcPassword(arguments) => {
            end(Out::new(false), |out| irc::password(out, &arguments))
        }
        Action::Man => end(Out::new(false), manual),
        Action::Completions { shell } => end(Out::new(false), |out| completions(out, shell)),
    }
}

/// Why an action ended early.
#[derive(Debug)]
enum Stop {
    /// To be told, then exit 1, or 2 when what was typed does not parse.
    Error(CommandError),
    /// Told already; exit 1.
    Failed,
    /// Nobody reads what is printed any more, as after `| head`: nothing is wrong.
    Closed,
}

impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Self::Error(error)
    }
}

/// Carries an action out and turns its end into an exit code.
fn end(mut out: Out, action: impl FnOnce(&mut Out) -> Result<(), Stop>) -> ExitCode {
    match action(&mut out) {
        Ok(()) | Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Failed) => ExitCode::FAILURE,
        Err(Stop::Error(error)) => {
            out.error(&error);
            ExitCode::from(error.code.exit_code())
        }
    }
}

/// One page for everything: the program, then each action as a section of its own.
fn manual(out: &mut Out) -> Result<(), Stop> {
    let mut command = Arguments::command();
    command.build();
    let page = man_page(&command)
        .map_err(|error| CommandError::new(ErrorCode::Internal, error.to_string()))?;
    out.bytes(&page)
}

fn man_page(command: &clap::Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let main = Man::new(command.clone());
    main.render_title(&mut page)?;
    main.render_name_section(&mut page)?;
    main.render_description_section(&mut page)?;
    for action in command
        .get_subcommands()
        .filter(|action| action.get_name() != "help")
    {
        let section = Man::new(action.clone());
        let mut roff = Vec::new();
        section.render_synopsis_section(&mut roff)?;
        section.render_description_section(&mut roff)?;
        section.render_options_section(&mut roff)?;
        let roff = String::from_utf8_lossy(&roff).replace(".SH ", ".SS ");
        page.extend(format!(".SH \"{}\"\n{roff}", action.get_name().to_uppercase()).bytes());
    }
    main.render_extra_section(&mut page)?;
    main.render_version_section(&mut page)?;
    Ok(page)
}

fn completions(out: &mut Out, shell: clap_complete::Shell) -> Result<(), Stop> {
    let mut script = Vec::new();
    clap_complete::generate(
        shell,
        &mut Arguments::command(),
        "alloquy-node",
        &mut script,
    );
    out.bytes(&script)
}
