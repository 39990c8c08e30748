//! The same of coming in: capabilities, tokens, log-ins, accounts.

use alloquy_irc::caps::Cap;
use alloquy_irc::{Bridge, ClientKey, Outcome, Registration, Server};
use data_encoding::BASE64;

use super::{guest, with_guest};
use crate::fake::{BEN, Irc, none, one, settings};

#[test]
fn cap_is_answered_at_any_time_and_versions_are_numbers() {
    let mut irc = Irc::new();
    for (version, values) in [("", false), ("301", false), ("302", true), ("307", true)] {
        let conn = irc.connect();
        let told = irc.ask(conn, &format!("CAP LS {version}")).join("\n");
        assert_eq!(told.contains("sasl="), values, "{version}: {told}");
        let listed = irc.ask(conn, "CAP LIST").join("\n");
        assert_eq!(listed.contains("cap-notify"), values, "{version}: {listed}");
        assert!(!listed.contains('='), "{version}: {listed}");
    }
    // A list of nothing is an empty parameter.
    let conn = irc.connect();
    assert_eq!(irc.ask(conn, "CAP LIST"), [":irc.test CAP * LIST :"]);
    // After registration the same holds, and END does nothing.
    let conn = irc.client("");
    assert_eq!(irc.ask(conn, "CAP END"), [""; 0]);
    one(&irc.ask(conn, "CAP LS 302"), " CAP Ana LS :");
    one(
        &irc.ask(conn, "CAP REQ server-time"),
        " CAP Ana ACK server-time",
    );
    let told = irc.ask(conn, "CAP LIST");
    assert!(
        told.iter().any(|line| line.contains("server-time")),
        "{told:?}"
    );
    // A version, once told, is kept.
    irc.send(conn, "CAP LS");
    one(&irc.ask(conn, "CAP REQ -cap-notify"), " NAK ");
}

#[test]
fn what_is_held_already_is_granted_and_what_is_not_is_given_up() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    for (request, listed) in [
        ("batch", true),
        ("batch", true),
        ("-batch", false),
        ("-batch", false),
        ("batch -batch", false),
        ("-batch batch", true),
    ] {
        let told = irc.ask(conn, &format!("CAP REQ :{request}"));
        one(&told, " ACK ");
        let told = irc.ask(conn, "CAP LIST").join("\n");
        assert_eq!(told.contains("batch"), listed, "{request}: {told}");
    }
    // Who is older than 302 may ask for notices of changes and give them up; of who is not, the request changes nothing.
    for request in ["cap-notify", "-cap-notify"] {
        one(&irc.ask(conn, &format!("CAP REQ {request}")), " ACK ");
    }
    irc.send(conn, "CAP LS 302");
    one(&irc.ask(conn, "CAP REQ cap-notify"), " ACK cap-notify");
}

#[test]
fn a_request_holds_registration_back_as_a_list_does() {
    for first in ["CAP LS", "CAP REQ batch", "CAP REQ nonsense"] {
        let mut irc = Irc::new();
        let conn = irc.connect();
        for line in [first, "PASS secret", "NICK x", "USER x 0 * :x"] {
            irc.send(conn, line);
        }
        none(&irc.lines(conn), " 001 ");
        one(&irc.ask(conn, "CAP END"), " 001 ");
    }
}

#[test]
fn sasl_is_not_offered_where_nobody_can_log_in_by_it() {
    let mut irc = Irc::new();
    irc.server = Server::new(settings()).with_bridge(Bridge::default());
    let conn = irc.connect();
    let told = irc.ask(conn, "CAP LS 302").join("\n");
    assert!(!told.contains("sasl"), "{told}");
    one(&irc.ask(conn, "CAP REQ sasl"), " NAK sasl");
    one(&irc.ask(conn, "AUTHENTICATE PLAIN"), " 904 ");
    // Where it is, the ways are told, and each is tried alone.
    let mut irc = with_guest(Registration::Closed);
    let conn = irc.connect();
    let told = irc.ask(conn, "CAP LS 302").join("\n");
    assert!(told.contains("sasl=EXTERNAL,PLAIN,SCRAM-SHA-256"), "{told}");
}

#[test]
fn a_long_challenge_comes_in_pieces_of_which_the_last_is_shorter() {
    // 400 characters are followed by more, be it nothing: 298 to 300 bytes are as many.
    for (bytes, pieces) in [
        (297, &[396][..]),
        (298, &[400, 1]),
        (300, &[400, 1]),
        (301, &[400, 4]),
    ] {
        let mut irc = with_guest(Registration::Closed);
        let conn = irc.connect();
        for line in ["CAP REQ sasl", "AUTHENTICATE SCRAM-SHA-256"] {
            irc.send(conn, line);
        }
        irc.send(
            conn,
            &format!("AUTHENTICATE {}", BASE64.encode(b"n,,n=ana,r=x")),
        );
        irc.lines(conn);
        irc.tell(Outcome::Challenge("x".repeat(bytes)));
        let told = irc.lines(conn);
        let lengths = told.iter().map(|line| line.len() - "AUTHENTICATE ".len());
        assert_eq!(lengths.collect::<Vec<_>>(), pieces, "{told:?}");
    }
}

#[test]
fn why_a_log_in_failed_is_said_before_the_connection_is_closed() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    irc.send(conn, "CAP REQ sasl");
    let guess = format!("AUTHENTICATE {}", BASE64.encode(b"\0ana\0guess"));
    let mut told = Vec::new();
    for _ in 0..3 {
        irc.send(conn, "AUTHENTICATE PLAIN");
        told = irc.ask(conn, &guess);
        irc.pass(5_000);
        told.extend(irc.lines(conn));
    }
    let at = |text: &str| told.iter().position(|line| line.contains(text));
    assert!(at(" 904 ").unwrap() < at("ERROR ").unwrap(), "{told:?}");
    assert_eq!(irc.closed, [conn]);
}

#[test]
fn tokens_come_in_their_batch_when_the_connection_comes_in() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    for line in [
        "CAP REQ :batch draft/extended-isupport",
        "PASS secret",
        "NICK x",
    ] {
        irc.send(conn, line);
    }
    irc.send(conn, "USER x 0 * :x");
    let told = irc.ask(conn, "CAP END");
    one(&told, " draft/isupport");
    let tokens: Vec<&String> = told.iter().filter(|line| line.contains(" 005 ")).collect();
    assert!(
        tokens.len() > 1 && tokens.iter().all(|line| line.starts_with("@batch=")),
        "{told:?}"
    );
    // Whoever has come in may ask for them again, with the capability or without.
    for caps in ["", "batch", "draft/extended-isupport"] {
        let conn = irc.client(caps);
        let told = irc.ask(conn, "ISUPPORT");
        assert!(
            told.len() > 1
                && told
                    .iter()
                    .all(|line| line.starts_with(":irc.test 005 Ana "))
        );
    }
}

#[test]
fn what_depends_on_another_token_is_announced_with_it() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    let told = irc.ask(conn, "ISUPPORT").join(" ");
    for token in [
        "ACCOUNTEXTBAN=a,account",
        "EXTBAN=~,am",
        "CHATHISTORY=200",
        "MSGREFTYPES=msgid,timestamp",
        "MONITOR=200",
        "BOT=B",
        "UTF8ONLY",
        "WHOX",
        "CLIENTTAGDENY=*,-draft/react,-draft/reply,-draft/unreact,-reply,-typing",
    ] {
        assert!(
            told.split(' ').any(|word| word == token),
            "{token} in {told}"
        );
    }
}

#[test]
fn who_makes_an_account_is_told_of_to_those_who_see_it_and_to_itself() {
    let mut irc = with_guest(Registration::Open);
    let sees = irc.in_general("account-notify account-tag");
    let monitors = irc.client("account-notify extended-monitor");
    let plain = irc.client("account-notify");
    for conn in [monitors, plain] {
        irc.send(conn, "MONITOR + Ben-Ash");
    }
    let conn = guest(
        &mut irc,
        "account-notify batch labeled-response message-tags",
    );
    for conn in [sees, monitors, plain] {
        irc.lines(conn);
    }
    irc.send(conn, "@label=r REGISTER * * secret");
    irc.tell(Outcome::Granted(ClientKey(2)));
    let told = irc.lines(conn);
    let account = format!(" ACCOUNT {BEN}");
    assert!(one(&told, &account).contains(" :Ben-Ash!"), "{told:?}");
    one(&told, " REGISTER SUCCESS ");
    assert_eq!(
        told.iter().filter(|line| line.contains("label=r")).count(),
        1,
        "{told:?}"
    );
    let line = one(&irc.lines(sees), &account).to_owned();
    assert!(
        line.starts_with(&format!("@account={BEN} :Ben-Ash!")),
        "{line}"
    );
    one(&irc.lines(monitors), &account);
    none(&irc.lines(plain), " ACCOUNT ");
}

#[test]
fn without_a_nick_nothing_is_said_of_an_account() {
    let mut irc = with_guest(Registration::BeforeConnect);
    let conn = irc.connect();
    irc.send(conn, "CAP REQ standard-replies");
    for account in ["*", "ana"] {
        let told = irc.ask(conn, &format!("REGISTER {account} * secret"));
        one(&told, "FAIL REGISTER NEED_NICK * ");
    }
    assert!(irc.asked.is_empty(), "nobody was asked");
    irc.send(conn, "NICK x");
    none(
        &irc.ask(conn, "REGISTER ana * secret"),
        "COMPLETE_CONNECTION_REQUIRED",
    );
    let text = "taken".to_owned();
    irc.tell(Outcome::Refused {
        code: "ACCOUNT_EXISTS",
        text,
    });
    one(&irc.lines(conn), "FAIL REGISTER ACCOUNT_EXISTS ana ");
    // Where it says nothing of coming before, it is not granted before.
    let mut irc = with_guest(Registration::Open);
    let conn = irc.connect();
    let told = irc.ask(conn, "CAP LS 302").join("\n");
    assert!(
        told.contains("draft/account-registration=custom-account-name"),
        "{told}"
    );
    irc.send(conn, "CAP REQ standard-replies");
    one(
        &irc.ask(conn, "REGISTER ana * secret"),
        "FAIL REGISTER COMPLETE_CONNECTION_REQUIRED ",
    );
}

#[test]
fn every_capability_that_is_announced_is_granted() {
    let mut irc = with_guest(Registration::Open);
    let conn = irc.connect();
    let told = irc.ask(conn, "CAP LS 302");
    let listed = told
        .iter()
        .flat_map(|line| line.rsplit(':').next().unwrap().split(' '));
    let listed: Vec<&str> = listed.filter_map(|cap| cap.split('=').next()).collect();
    assert!(listed.len() > 30, "{listed:?}");
    for cap in listed {
        one(
            &irc.ask(conn, &format!("CAP REQ {cap}")),
            &format!(" ACK {cap}"),
        );
    }
    // What is of another face is refused, and so is a name in other letters: names are what they are.
    for cap in [Cap::E2ee.name(), "Server-Time", "batch=1", ""] {
        let told = irc.ask(conn, &format!("CAP REQ :{cap}"));
        let granted = told.iter().any(|line| line.contains(" ACK "));
        assert_eq!(granted, cap.is_empty(), "{cap}: {told:?}");
    }
}
