//! Communities as networks: `soju.im/bouncer-networks`.

use std::sync::Arc;

use alloquy_ids::CommunityId;
use alloquy_irc::{
    Bridge, ClientKey, ConnId, Credential, Mechanism, Origin, Outcome, Server, Sts, Tls,
};
use data_encoding::BASE64;

use crate::fake::{BEN, CLUB, DIRECT_CHANNEL, GENERAL, Irc, none, one, settings};

const CAPS: &str = "sasl batch message-tags server-time draft/chathistory soju.im/bouncer-networks";

/// A connection that has logged in and not registered yet.
pub(crate) fn logged_in(irc: &mut Irc) -> ConnId {
    let conn = irc.connect();
    irc.send(conn, "CAP LS 302");
    irc.send(conn, &format!("CAP REQ :{CAPS}"));
    irc.send(conn, "AUTHENTICATE PLAIN");
    let text = BASE64.encode(b"\0ana\0secret");
    one(&irc.ask(conn, &format!("AUTHENTICATE {text}")), " 903 ");
    conn
}

pub(crate) fn come_in(irc: &mut Irc, conn: ConnId) -> Vec<String> {
    irc.send(conn, "NICK x");
    irc.send(conn, "USER u 0 * :r");
    irc.ask(conn, "CAP END")
}

#[test]
fn networks_are_listed_and_bound_before_registration() {
    let mut irc = Irc::new();
    irc.turn();
    let early = irc.connect();
    irc.send(early, "CAP REQ :soju.im/bouncer-networks");
    one(
        &irc.ask(early, "BOUNCER BIND our-club"),
        "FAIL BOUNCER ACCOUNT_REQUIRED BIND ",
    );
    let conn = logged_in(&mut irc);
    let told = irc.ask(conn, "BOUNCER LISTNETWORKS");
    one(&told, "BATCH +");
    one(
        &told,
        "BOUNCER NETWORK our-club name=Our\\sClub;state=connected",
    );
    one(
        &told,
        "BOUNCER NETWORK dm name=Direct\\smessages;state=connected",
    );
    one(
        &irc.ask(conn, "BOUNCER BIND nowhere"),
        "FAIL BOUNCER INVALID_NETID BIND nowhere ",
    );
    one(
        &irc.ask(conn, "BOUNCER ADDNETWORK host=x"),
        "FAIL BOUNCER UNKNOWN_ERROR ADDNETWORK ",
    );
    one(
        &irc.ask(conn, "BOUNCER HUH"),
        "FAIL BOUNCER UNKNOWN_COMMAND HUH ",
    );
    assert!(irc.ask(conn, "BOUNCER BIND our-club").is_empty());
    let told = come_in(&mut irc, conn);
    let tokens = told.join(" ");
    assert!(
        tokens.contains("NETWORK=Our\\x20Club") && tokens.contains("BOUNCER_NETID=our-club"),
        "{tokens}"
    );
    one(
        &irc.ask(conn, "BOUNCER BIND dm"),
        "FAIL BOUNCER REGISTRATION_IS_COMPLETED BIND ",
    );
    let plain = irc.client("");
    one(&irc.ask(plain, "BOUNCER LISTNETWORKS"), " 421 ");
}

#[test]
fn a_bound_connection_knows_its_community_alone_and_by_short_names() {
    let mut irc = Irc::new();
    irc.node.open_direct();
    irc.turn();
    let conn = logged_in(&mut irc);
    irc.send(conn, "BOUNCER BIND our-club");
    come_in(&mut irc, conn);
    one(&irc.ask(conn, "LIST"), " 322 Ana #general 2 ");
    let told = irc.ask(conn, "JOIN #general");
    one(&told, " JOIN #general");
    one(&told, " 353 Ana = #general ");
    irc.node.write(GENERAL, BEN, "see #our-club/general");
    irc.turn();
    one(&irc.lines(conn), "PRIVMSG #general :see #our-club/general");
    irc.send(conn, "PRIVMSG #general :short");
    assert_eq!(irc.node.messages[&GENERAL].last().unwrap().text, "short");
    let told = irc.ask(conn, "CHATHISTORY LATEST #general * 5");
    one(&told, " chathistory #general");
    one(&told, "PRIVMSG #general short");
    one(&irc.ask(conn, "WHOIS Ben-Ash"), " 319 Ana Ben-Ash #general");
    // The other is a member: the conversation belongs here.
    irc.node.write(DIRECT_CHANNEL, BEN, "psst");
    irc.turn();
    one(&irc.lines(conn), "PRIVMSG Ana psst");
    one(&irc.ask(conn, "JOIN #our-club/general"), " 403 ");
}

#[test]
fn what_belongs_to_no_community_has_a_network_of_its_own() {
    let mut irc = Irc::new();
    irc.node.open_direct();
    irc.turn();
    let conn = logged_in(&mut irc);
    irc.send(conn, "BOUNCER BIND dm");
    come_in(&mut irc, conn);
    none(&irc.ask(conn, "LIST"), " 322 ");
    one(&irc.ask(conn, "JOIN #general"), " 403 ");
    irc.node.write(DIRECT_CHANNEL, BEN, "psst");
    irc.turn();
    none(&irc.lines(conn), "psst");
    // He leaves the club: nobody else shows what he says.
    irc.node
        .change_club(|club| club.members = Arc::new(club.members[..1].to_vec()));
    irc.node.write(DIRECT_CHANNEL, BEN, "still there?");
    irc.turn();
    one(&irc.lines(conn), "still there?");
}

#[test]
fn networks_that_come_and_go_are_told_to_who_asked() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    let caps = "CAP REQ :batch soju.im/bouncer-networks soju.im/bouncer-networks-notify";
    for line in [caps, "PASS secret", "NICK x", "USER x 0 * :x"] {
        irc.send(conn, line);
    }
    let told = irc.ask(conn, "CAP END");
    one(&told, " soju.im/bouncer-networks");
    one(
        &told,
        " BOUNCER NETWORK our-club name=Our\\sClub;state=connected",
    );
    one(&told, " BOUNCER NETWORK dm ");
    let deaf = irc.client("batch soju.im/bouncer-networks");
    let other = CommunityId([77; 32]);
    let change = |irc: &mut Irc, name: Option<&str>| {
        irc.node.change(|snapshot| {
            let mut club = (*snapshot.communities[&CLUB]).clone();
            match name {
                Some(name) => {
                    club.name = name.to_owned();
                    drop(snapshot.communities.insert(other, Arc::new(club)));
                }
                None => drop(snapshot.communities.remove(&other)),
            }
        });
        irc.turn();
    };
    let told = |irc: &mut Irc| {
        let told = irc.lines(conn).into_iter();
        let told: Vec<_> = told.filter(|line| line.contains("BOUNCER")).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    };
    for (name, line) in [
        (
            Some("Other"),
            ":irc.test BOUNCER NETWORK other name=Other;state=connected",
        ),
        (
            Some("Another"),
            ":irc.test BOUNCER NETWORK other name=Another;state=connected",
        ),
        (None, ":irc.test BOUNCER NETWORK other *"),
    ] {
        change(&mut irc, name);
        assert_eq!(told(&mut irc), line);
    }
    none(&irc.lines(deaf), "BOUNCER");
}

/// A rendezvous; `www` is a further name of it.
fn rendezvous() -> Irc {
    let bridge = Bridge {
        mechanisms: Mechanism::ALL.to_vec(),
        guests: true,
        sts: Some(Sts {
            port: 6697,
            names: vec!["WWW.irc.test".to_owned()],
        }),
        ..Bridge::default()
    };
    let mut irc = Irc::new();
    irc.server = Server::new(settings()).with_bridge(bridge);
    irc.turn();
    irc
}

fn asking_for(host: Option<&str>) -> Origin {
    Origin {
        exempt: true,
        tls: Some(Tls {
            fingerprint: Some([5; 32]),
            sni: host.map(str::to_owned),
        }),
        ..Origin::default()
    }
}

/// How a connection has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Bound,
    Whole,
    Refused,
}

/// Lets a connection come in that has logged in, and looks at what it is in.
fn came(irc: &mut Irc, conn: ConnId) -> Came {
    irc.lines(conn);
    for line in ["NICK x", "USER u 0 * :r"] {
        irc.send(conn, line);
    }
    let told = irc.ask(conn, "CAP END");
    let tokens = told.join(" ");
    if irc.closed.contains(&conn) {
        one(&told, "ERROR :Closing link: There is no such network");
        assert_eq!(told.len(), 1, "nothing else is said: {told:?}");
        return Came::Refused;
    }
    one(&told, " 001 Ana ");
    let short = irc.ask(conn, "JOIN #general");
    if tokens.contains("NETWORK=Our\\x20Club") {
        assert!(tokens.contains("BOUNCER_NETID=our-club"), "{tokens}");
        one(&short, " JOIN #general");
        return Came::Bound;
    }
    assert!(
        tokens.contains("NETWORK=Test\\x20Net") && !tokens.contains("NETID"),
        "{tokens}"
    );
    none(&short, " JOIN #general");
    one(
        &irc.ask(conn, "JOIN #our-club/general"),
        " JOIN #our-club/general",
    );
    Came::Whole
}

/// Logs in by SASL PLAIN.
fn plain(irc: &mut Irc, conn: ConnId, name: &str) {
    irc.send(conn, "CAP REQ :sasl soju.im/bouncer-networks");
    irc.send(conn, "AUTHENTICATE PLAIN");
    let secret = BASE64.encode(format!("\0{name}\0secret").as_bytes());
    one(&irc.ask(conn, &format!("AUTHENTICATE {secret}")), " 903 ");
}

#[test]
fn a_log_in_that_names_a_community_is_bound_to_it() {
    for (name, at_a_rendezvous, at_the_own_door) in [
        ("ana", Came::Whole, Came::Whole),
        ("ana/", Came::Whole, Came::Whole),
        ("ana/our-club", Came::Bound, Came::Bound),
        ("ana/Our-Club", Came::Bound, Came::Bound),
        // Where there is one account its name may be anything.
        ("ana/nowhere", Came::Refused, Came::Whole),
        ("ana/our-club/general", Came::Refused, Came::Whole),
        ("ana/#our-club", Came::Refused, Came::Whole),
    ] {
        for (mut irc, expected) in [
            (rendezvous(), at_a_rendezvous),
            (Irc::new(), at_the_own_door),
        ] {
            let conn = irc.connect();
            plain(&mut irc, conn, name);
            assert_eq!(came(&mut irc, conn), expected, "{name}");
            // The same by PASS.
            let conn = irc.connect();
            irc.send(conn, "CAP LS 302");
            irc.send(conn, &format!("PASS {name}:secret"));
            assert_eq!(came(&mut irc, conn), expected, "{name}");
        }
    }
    // The last log-in counts, and what fails names nothing to the shell.
    let mut irc = rendezvous();
    irc.checks_at_once = false;
    let conn = irc.connect();
    irc.send(conn, "CAP REQ sasl");
    for (name, granted) in [("ana/nowhere", false), ("ana", true)] {
        irc.send(conn, "AUTHENTICATE PLAIN");
        let secret = BASE64.encode(format!("\0{name}\0guess").as_bytes());
        irc.send(conn, &format!("AUTHENTICATE {secret}"));
        let (check, credential) = irc.checks.remove(0);
        let Credential::Password { account, .. } = credential else {
            panic!("{credential:?}");
        };
        assert_eq!(
            account.as_deref(),
            Some("ana"),
            "without what stands behind the slash"
        );
        let outcome = match granted {
            true => Outcome::Granted(ClientKey::OWN),
            false => Outcome::Denied,
        };
        irc.server.checked(check, outcome, irc.now);
        irc.turn();
    }
    assert_eq!(came(&mut irc, conn), Came::Whole);
}

#[test]
fn a_certificate_and_a_proof_name_a_community_too() {
    for (mechanism, first) in [
        ("EXTERNAL", "ana/our-club"),
        ("SCRAM-SHA-256", "n,,n=ana/our-club,r=abc"),
    ] {
        let mut irc = rendezvous();
        irc.checks_at_once = false;
        let conn = irc.connect_from(asking_for(None));
        irc.send(conn, "CAP REQ sasl");
        irc.send(conn, &format!("AUTHENTICATE {mechanism}"));
        irc.send(
            conn,
            &format!("AUTHENTICATE {}", BASE64.encode(first.as_bytes())),
        );
        if mechanism == "EXTERNAL" {
            let (check, credential) = irc.checks.remove(0);
            let Credential::Certificate { account, .. } = credential else {
                panic!("{credential:?}");
            };
            assert_eq!(account.as_deref(), Some("ana"));
            irc.server
                .checked(check, Outcome::Granted(ClientKey::OWN), irc.now);
            irc.turn();
        } else {
            irc.tell(Outcome::Challenge("r=abcdef,s=AAAA,i=4096".to_owned()));
            let last = BASE64.encode(b"c=biws,r=abcdef,p=AAAA");
            irc.send(conn, &format!("AUTHENTICATE {last}"));
            irc.tell(Outcome::Proven("v=AAAA".to_owned(), ClientKey::OWN));
            irc.send(conn, "AUTHENTICATE +");
        }
        one(&irc.lines(conn), " 903 ");
        assert_eq!(came(&mut irc, conn), Came::Bound, "{mechanism}");
    }
}

#[test]
fn a_host_below_the_servers_name_binds_to_a_community() {
    for (host, expected) in [
        (Some("our-club.irc.test"), Came::Bound),
        (Some("Our-Club.IRC.test"), Came::Bound),
        (Some("irc.test"), Came::Whole),
        (Some("IRC.TEST"), Came::Whole),
        (Some(".irc.test"), Came::Whole),
        (Some("our-clubirc.test"), Came::Whole),
        (Some("our-club.example.org"), Came::Whole),
        (Some("a.our-club.irc.test"), Came::Whole),
        (Some("our-club"), Came::Whole),
        (None, Came::Whole),
        // A name of the server itself that is set as such.
        (Some("www.irc.test"), Came::Whole),
        (Some("nowhere.irc.test"), Came::Refused),
    ] {
        let mut irc = rendezvous();
        let conn = irc.connect_from(asking_for(host));
        plain(&mut irc, conn, "ana");
        assert_eq!(came(&mut irc, conn), expected, "{host:?}");
    }
    // What the log-in names goes before, and what the client says before that.
    for (host, name, says, expected) in [
        ("nowhere.irc.test", "ana/our-club", "PING x", Came::Bound),
        ("our-club.irc.test", "ana/nowhere", "PING x", Came::Refused),
        (
            "nowhere.irc.test",
            "ana/nowhere",
            "BOUNCER BIND our-club",
            Came::Bound,
        ),
    ] {
        let mut irc = rendezvous();
        let conn = irc.connect_from(asking_for(Some(host)));
        plain(&mut irc, conn, name);
        irc.send(conn, says);
        assert_eq!(came(&mut irc, conn), expected, "{host} {name} {says}");
    }
}

#[test]
fn a_community_that_one_is_not_in_is_as_none_to_a_host_and_to_a_name() {
    let refused = |name: &str, host: Option<&str>, is_member: bool| {
        let mut irc = rendezvous();
        // A guest's node knows the club, whoever else does.
        let guest = crate::fake::Node::new();
        irc.other = Some((ClientKey(2), guest));
        if !is_member {
            irc.node
                .change(|snapshot| drop(snapshot.communities.remove(&CLUB)));
            irc.turn();
        }
        let conn = irc.connect_from(asking_for(host));
        plain(&mut irc, conn, name);
        for line in ["NICK x", "USER u 0 * :r"] {
            irc.send(conn, line);
        }
        irc.ask(conn, "CAP END")
    };
    let nowhere = refused("ana/nowhere", None, true);
    one(&nowhere, "ERROR ");
    assert_eq!(refused("ana/our-club", None, false), nowhere);
    assert_eq!(refused("ana", Some("our-club.irc.test"), false), nowhere);
    assert_eq!(refused("ana", Some("nowhere.irc.test"), true), nowhere);
    // A guest is in no community: it comes in as by any other name.
    let mut irc = rendezvous();
    irc.other = Some((ClientKey(2), crate::fake::Node::new()));
    for host in ["our-club.irc.test", "nowhere.irc.test"] {
        let conn = irc.connect_from(asking_for(Some(host)));
        irc.send(conn, "NICK x");
        let told = irc.ask(conn, "USER u 0 * :r").join(" ");
        assert!(told.contains("NETWORK=Test\\x20Net"), "{host}: {told}");
    }
}

#[test]
fn who_is_put_out_of_its_network_does_not_come_back_to_another_one() {
    let mut irc = rendezvous();
    let conn = irc.connect_from(asking_for(Some("our-club.irc.test")));
    plain(&mut irc, conn, "ana");
    assert_eq!(came(&mut irc, conn), Came::Bound);
    irc.node
        .change(|snapshot| drop(snapshot.communities.remove(&CLUB)));
    irc.turn();
    one(
        &irc.lines(conn),
        "ERROR :Closing link: You are no member of this network any more",
    );
    let conn = irc.connect_from(asking_for(Some("our-club.irc.test")));
    plain(&mut irc, conn, "ana");
    assert_eq!(came(&mut irc, conn), Came::Refused);
}
