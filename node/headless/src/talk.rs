//! `do`, `watch`, `status`, `doctor`: talking to the node that another process runs.

use std::time::Duration;

use alloquy_api::line::ParseLineError;
use alloquy_api::pages::HistoryPages;
use alloquy_api::report::CheckLevel;
use alloquy_api::{Client, Command, CommandError, ErrorCode, Event, Reply};
use alloquy_node::{NodeConfig, RpcClient};

use crate::Stop;
use crate::args;
use crate::out::Out;
use crate::serve::key_source;
use crate::shown::{self, Names};

/// A node that serves answers this at once; longer means that it hangs.
const STATUS_WAIT: Duration = Duration::from_secs(5);
/// How long one wait for an event lasts; only bounds how late a node that is gone is noticed.
const EVENT_WAIT: Duration = Duration::from_secs(3600);

/// `do`: one line, one outcome. A line that does not parse never reaches the node.
pub(crate) fn carry_out(out: &mut Out, arguments: &args::Do) -> Result<(), Stop> {
    let command: Command = arguments
        .line
        .parse()
        .map_err(|error: ParseLineError| CommandError::from(error))?;
    let mut client = RpcClient::connect(&arguments.data.dir)?;
    let reply = call(&mut client, command, arguments.wait)?;
    if out.is_json() {
        return out.object(&reply);
    }
    let names = Names::of(&client.snapshot());
    out.text(&shown::reply(&reply, &names))
}

/// One command, a long history page by page.
fn call(client: &mut RpcClient, command: Command, wait: Duration) -> Result<Reply, CommandError> {
    let Some(mut pages) = HistoryPages::new(&command) else {
        return client.call(command, wait);
    };
    while let Some(page) = pages.next_command() {
        pages.push(client.call(page, wait)?);
    }
    Ok(pages.into_reply())
}

/// `watch`: events as they happen, until the node or the reader goes away.
pub(crate) fn watch(out: &mut Out, arguments: &args::Watch) -> Result<(), Stop> {
    let mut client = RpcClient::connect(&arguments.data.dir)?;
    let mut names = Names::of(&client.snapshot());
    loop {
        let Some(event) = client.wait_event(EVENT_WAIT)? else {
            continue;
        };
        if matches!(event, Event::Done { .. }) {
            continue;
        }
        if out.is_json() {
            out.object(&event)?;
            continue;
        }
        if !names.knows(&event) {
            names = Names::of(&client.snapshot());
        }
        out.text(&shown::event(&event, &names))?;
    }
}

/// `status`: succeeds only when a node runs here and is ready.
pub(crate) fn status(out: &mut Out, arguments: &args::Look) -> Result<(), Stop> {
    let status = RpcClient::connect(&arguments.data.dir)?.status(STATUS_WAIT)?;
    if !status.ready {
        return Err(Stop::Error(CommandError::new(
            ErrorCode::NotRunning,
            format!(
                "the node of {} (process {}) is not ready",
                arguments.data.dir.display(),
                status.pid
            ),
        )));
    }
    if out.is_json() {
        out.object(&status)
    } else {
        out.text(&shown::status(&status))
    }
}

/// `doctor`: exit 1 when something does not work.
pub(crate) fn doctor(out: &mut Out, arguments: &args::Doctor) -> Result<(), Stop> {
    let config = NodeConfig::new(&arguments.data.dir, key_source(&arguments.key)?);
    let report = alloquy_node::doctor(&config);
    if out.is_json() {
        out.object(&report)?;
    } else {
        out.text(&shown::checks(&report))?;
    }
    if report.worst() == CheckLevel::Fail {
        Err(Stop::Failed)
    } else {
        Ok(())
    }
}
