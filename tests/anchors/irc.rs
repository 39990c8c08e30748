//! IRC beside Debian's InspIRCd in the same run: deliveries to 200 clients in one channel, what one costs, how long it is
//! under way, what an idle client costs, how many come in a second, and when the server listens.
//!
//! The own door serves 200 connections of one account; InspIRCd 200 of nobody in particular, and it keeps nothing, while
//! each message of ours is signed and stored before anybody is told. A rendezvous has a node for each account: that is
//! measured by itself, with few.

mod large;
mod load;
mod servers;
mod tls;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use alloquy_tests::irc::Irc;
use alloquy_tests::{Peer, certify, run_node};
use anyhow::Context;

use crate::report::{Line, Rival, percentile};
use load::{Crowd, processor_time, resident_kib};
use servers::Server;
use tls::{Idle, Way};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Clients in one channel.
    clients: usize,
    /// Messages of a flood, and of the rival's.
    messages: (u64, u64),
    /// Messages at an even pace of 50 a second.
    paced: u64,
    /// Clients that say nothing.
    idle: usize,
    /// Accounts of a rendezvous, each with its node.
    accounts: usize,
    /// Members of a large community.
    members: usize,
}

/// As the table of the goals has it.
pub(crate) const REAL: Size = Size {
    clients: 200,
    messages: (2_000, 5_000),
    paced: 500,
    idle: 1_000,
    accounts: 24,
    members: 5_000,
};

/// Between two messages at an even pace: with 200 clients 10,000 deliveries a second.
const PACE: Duration = Duration::from_millis(20);
/// The same between accounts: each message is signed, and goes to each of their nodes.
const ACCOUNTS_PACE: Duration = Duration::from_millis(500);
/// Messages that a flood is ahead at most.
const WINDOW: u64 = 100;
/// Capabilities that all of them know, as most clients of today ask for them.
const CAPS: &str = "message-tags server-time batch echo-message account-tag";
/// The password of each account of the rendezvous.
const PASSWORD: &str = "correct-horse";
const RIVAL: &str = "InspIRCd";

/// What one server does with a channel full of clients.
#[derive(Clone, Copy, Debug)]
struct Served {
    deliveries_per_s: f64,
    cpu_us: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// All of it.
pub(crate) fn served(size: Size) -> anyhow::Result<Vec<Line>> {
    let root = tempfile::tempdir()?;
    let rival = root.path().join("inspircd");
    std::fs::create_dir(&rival)?;
    certify(&rival);
    let mut lines = Vec::new();
    let listening = {
        let rival = Server::inspircd(&rival)?;
        let door = Door::make(root.path())?;
        for (caps, names) in [(true, WITH), (false, WITHOUT)] {
            let ours = channel(
                &door.server,
                &door.says(size.clients, caps),
                (size, size.messages.0, caps),
            )?;
            let says = says(size.clients, caps);
            let theirs = channel(&rival, &says, (size, size.messages.1, caps))?;
            lines.extend(compared(names, size, (ours, theirs)));
        }
        (door.server.listening, rival.listening)
    };
    lines.push(Line {
        name: "irc_door_listens",
        value: millis(listening.0),
        unit: "ms",
        n: 1,
        rival: Rival::measured(RIVAL, millis(listening.1)),
    });
    lines.extend(idle(root.path(), &rival, size)?);
    lines.extend(accounts(root.path(), size)?);
    lines.extend(large::joined(size.members)?);
    Ok(lines)
}

/// Names of lines: deliveries, processor time, and the two of the pace.
type Names = [&'static str; 4];
const WITH: Names = ["irc_deliveries", "irc_cpu", "irc_p50", "irc_p99"];
const WITHOUT: Names = [
    "irc_deliveries_bare",
    "irc_cpu_bare",
    "irc_p50_bare",
    "irc_p99_bare",
];

fn compared(names: Names, size: Size, (ours, theirs): (Served, Served)) -> Vec<Line> {
    let pairs = [
        (
            ours.deliveries_per_s,
            theirs.deliveries_per_s,
            "deliveries/s",
        ),
        (ours.cpu_us, theirs.cpu_us, "us/delivery"),
        (ours.p50_ms, theirs.p50_ms, "ms"),
        (ours.p99_ms, theirs.p99_ms, "ms"),
    ];
    let lines = names.into_iter().zip(pairs);
    lines
        .map(|(name, (value, other, unit))| Line {
            name,
            value,
            unit,
            n: size.clients,
            rival: Rival::measured(RIVAL, other),
        })
        .collect()
}

fn channel(
    server: &Server,
    says: &[String],
    (size, messages, echo): (Size, u64, bool),
) -> anyhow::Result<Served> {
    let mut crowd = Crowd::connect(server.plain, says, "#bench")?;
    let receivers = crowd.len() as u64 - u64::from(!echo);
    // The first messages fill caches, and end the stir of coming in.
    crowd.flood("#bench", (10, 10), receivers)?;
    let before = processor_time(server.pid())?;
    let flood = crowd.flood("#bench", (messages, WINDOW), receivers)?;
    let spent = processor_time(server.pid())?.saturating_sub(before);
    let mut late = crowd.paced("#bench", (size.paced, PACE), receivers)?;
    let deliveries = flood.deliveries as f64;
    Ok(Served {
        deliveries_per_s: deliveries / flood.took.as_secs_f64(),
        cpu_us: spent.as_secs_f64() * 1e6 / deliveries,
        p50_ms: percentile(&mut late, 0.5),
        p99_ms: percentile(&mut late, 0.99),
    })
}

/// What clients without an account say to come in; an empty channel is none.
fn says(clients: usize, caps: bool) -> Vec<String> {
    let caps = if caps { requested(CAPS) } else { String::new() };
    let end = if caps.is_empty() { "" } else { "CAP END\r\n" };
    let each = (0..clients).map(|at| format!("{caps}NICK c{at}\r\nUSER c 0 * :c\r\n{end}"));
    each.collect()
}

fn requested(caps: &str) -> String {
    format!("CAP REQ :{caps}\r\n")
}

/// A node with its own door, in a community of one with the channel `bench`.
struct Door {
    server: Server,
    password: String,
}

impl Door {
    fn make(root: &Path) -> anyhow::Result<Self> {
        let mut peer = Peer::init(root, "door");
        let data = peer.folder().to_owned();
        peer.start();
        peer.line("create-community Bench");
        peer.line("create-channel Bench text bench");
        peer.stop();
        let made = run_node(["irc-password", "--data", &data.display().to_string()]);
        Ok(Self {
            server: Server::door(&data)?,
            password: made.stdout.trim().to_owned(),
        })
    }

    /// Bound to the community, so that the channel is called as the rival's.
    fn says(&self, clients: usize, caps: bool) -> Vec<String> {
        let binds = "soju.im/bouncer-networks sasl";
        let caps = match caps {
            true => requested(&format!("{CAPS} {binds}")),
            false => requested(binds),
        };
        let secret = base64(format!("\0door\0{}", self.password).as_bytes());
        let text = format!(
            "{caps}NICK c\r\nUSER c 0 * :c\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE {secret}\r\nBOUNCER BIND bench\r\n\
             CAP END\r\n"
        );
        vec![text; clients]
    }
}

fn base64(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(bytes)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What clients cost that say nothing, and how fast they come: connections of one account of the rendezvous.
fn idle(root: &Path, rival: &Path, size: Size) -> anyhow::Result<Vec<Line>> {
    let folder = root.join("rendezvous");
    std::fs::create_dir(&folder)?;
    certify(&folder);
    let (password, listening) = {
        let (ours, theirs) = (Server::rendezvous(&folder)?, Server::inspircd(rival)?);
        let mut ana = registered(ours.plain, "ana");
        ana.say("PRIVMSG NickServ :APP ADD bench");
        let told = ana.hears("shown this once: ");
        let password = told.rsplit(' ').next().context("a password is told")?;
        (password.to_owned(), (ours.listening, theirs.listening))
    };
    let log_in = format!("PASS :ana:{password}\r\nNICK ana\r\nUSER a 0 * :a\r\n");
    let mine = vec![log_in; size.idle + 1];
    let others = says(size.idle + 1, false);
    let mut lines = Vec::new();
    let authority = |folder: &Path| folder.join("authority.pem");
    for (names, tls) in [
        (["irc_idle", "irc_connects"], false),
        (["irc_idle_tls", "irc_connects_tls"], true),
    ] {
        let way = |server: &Server, folder: &Path| match tls {
            false => Ok(Way::plain(server.plain)),
            true => Way::tls(server.tls, &authority(folder)),
        };
        let of = |server: &Server, folder: &Path, says: &[String]| {
            let way = way(server, folder)?;
            // The first one has the account's node started.
            let _first = Idle::connect(&way, &says[..1])?;
            let says = &says[1..];
            let before = resident_kib(server.pid())?;
            let held = Idle::connect(&way, says)?;
            let each = (resident_kib(server.pid())? - before) / says.len() as f64;
            anyhow::Ok((each, says.len() as f64 / held.came_in.as_secs_f64()))
        };
        // Each has a process of its own: what went before has left memory behind that the next ones would be given.
        let ours = of(&Server::rendezvous(&folder)?, &folder, &mine)?;
        let theirs = of(&Server::inspircd(rival)?, rival, &others)?;
        let values = [(ours.0, theirs.0, "KiB"), (ours.1, theirs.1, "1/s")];
        for (name, (value, other, unit)) in names.into_iter().zip(values) {
            let rival = Rival::measured(RIVAL, other);
            lines.push(Line {
                name,
                value,
                unit,
                n: size.idle,
                rival,
            });
        }
    }
    lines.push(Line {
        name: "irc_rendezvous_listens",
        value: millis(listening.0),
        unit: "ms",
        n: 1,
        rival: Rival::measured(RIVAL, millis(listening.1)),
    });
    Ok(lines)
}

/// A guest who has made an account of its nick, and is in.
fn registered(address: SocketAddr, name: &str) -> Irc {
    let mut guest = Irc::connect(&address.to_string());
    guest.say(&format!("NICK {name}"));
    guest.say(&format!("USER {name} 0 * :{name}"));
    guest.hears(" 005 ");
    guest.say(&format!("REGISTER * * :{PASSWORD}"));
    guest.hears("REGISTER SUCCESS");
    guest
}

/// What accounts of a rendezvous cost, each of which has a node of its own.
fn accounts(root: &Path, size: Size) -> anyhow::Result<Vec<Line>> {
    let folder = root.join("accounts");
    std::fs::create_dir(&folder)?;
    certify(&folder);
    let server = Server::rendezvous(&folder)?;
    let mut first = registered(server.plain, "first");
    first.say("QUIT");
    first.ends();
    let (memory, started) = (resident_kib(server.pid())?, Instant::now());
    for at in 0..size.accounts {
        let mut guest = registered(server.plain, &format!("acc{at}"));
        guest.say("QUIT");
        guest.ends();
    }
    let made = started.elapsed().as_secs_f64() * 1000.0 / size.accounts as f64;
    let memory = (resident_kib(server.pid())? - memory) / 1024.0 / size.accounts as f64;
    let says: Vec<String> = (0..size.accounts)
        .map(|at| {
            format!(
                "PASS :acc{at}:{PASSWORD}\r\n{}NICK acc{at}\r\nUSER a 0 * :a\r\nCAP END\r\n",
                requested(CAPS)
            )
        })
        .collect();
    let mut crowd = Crowd::connect(server.plain, &says, "#lobby")?;
    let receivers = crowd.len() as u64;
    let messages = size.paced.div_ceil(10).max(10);
    crowd.paced("#lobby", (2, ACCOUNTS_PACE), receivers)?;
    let before = processor_time(server.pid())?;
    let at = Instant::now();
    std::thread::sleep(Duration::from_secs(2));
    let still = processor_time(server.pid())?
        .saturating_sub(before)
        .as_secs_f64()
        / at.elapsed().as_secs_f64();
    let (before, at) = (processor_time(server.pid())?, Instant::now());
    let mut late = crowd.paced("#lobby", (messages, ACCOUNTS_PACE), receivers)?;
    let spent = processor_time(server.pid())?
        .saturating_sub(before)
        .as_secs_f64();
    let spent = (spent - still * at.elapsed().as_secs_f64()).max(0.0);
    let deliveries = (messages * receivers) as f64;
    let of = |name, value, unit| Line {
        name,
        value,
        unit,
        n: size.accounts,
        rival: Rival::NONE,
    };
    Ok(vec![
        of("irc_account_memory", memory, "MiB"),
        of("irc_account_made", made, "ms"),
        of(
            "irc_account_idle_cpu",
            still * 1000.0 / receivers as f64,
            "ms/s",
        ),
        of("irc_account_cpu", spent * 1e6 / deliveries, "us/delivery"),
        of("irc_account_p50", percentile(&mut late, 0.5), "ms"),
        of("irc_account_p99", percentile(&mut late, 0.99), "ms"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value;
    use alloquy_tests::irc::lacks;

    /// Bytes that a client is told when it joins a channel of 5,000: 500 names, and little else.
    const JOIN_BYTES_MAX: f64 = 32_768.0;

    #[test]
    fn nothing_is_lost_and_a_large_channel_is_joined_in_few_bytes() {
        let name = "nothing_is_lost_and_a_large_channel_is_joined_in_few_bytes";
        if let Some(program) = lacks(&["inspircd"]) {
            return alloquy_tests::skip(name, &format!("{program} is not installed"));
        }
        // Each part fails when a delivery is missing.
        let lines = served(Size {
            clients: 8,
            messages: (20, 20),
            paced: 10,
            idle: 8,
            accounts: 2,
            members: 5_000,
        })
        .unwrap();
        assert!(
            value(&lines, "irc_join_bytes") <= JOIN_BYTES_MAX,
            "{lines:#?}"
        );
    }
}
