//! The password of a rendezvous itself.

use alloquy_irc::{Bridge, ConnId, Credential, Mechanism, Registration, Server};
use data_encoding::BASE64;

use crate::fake::{Irc, none, one, settings};

fn irc(registration: Registration) -> Irc {
    let mut irc = Irc::new();
    let bridge = Bridge {
        mechanisms: Mechanism::ALL.to_vec(),
        registration,
        password: true,
        ..Bridge::default()
    };
    irc.server = Server::new(settings()).with_bridge(bridge);
    irc
}

fn say(irc: &mut Irc, conn: ConnId, lines: &[&str]) -> Vec<String> {
    irc.lines(conn);
    for line in lines {
        irc.send(conn, line);
    }
    irc.lines(conn)
}

#[test]
fn nobody_comes_in_who_does_not_know_the_servers_password() {
    for (first, number) in [
        ("PASS wrong", " 464 "),
        // The password of an account is not that of the server.
        ("PASS ana:secret", " 464 "),
        ("PING x", " 464 "),
    ] {
        let mut irc = irc(Registration::Closed);
        let conn = irc.connect();
        let told = say(&mut irc, conn, &[first, "NICK x", "USER x 0 * :x"]);
        one(&told, number);
        one(&told, "ERROR ");
        none(&told, " 001 ");
        assert_eq!(irc.closed, [conn], "{first}");
    }
}

#[test]
fn the_first_pass_is_the_servers_and_the_second_an_accounts() {
    let mut irc = irc(Registration::Closed);
    let conn = irc.connect();
    let told = say(
        &mut irc,
        conn,
        &["PASS gate", "PASS ana:secret", "NICK x", "USER x 0 * :x"],
    );
    one(&told, " 001 Ana ");
    // Without an account one gets no further than without the password.
    let conn = irc.connect();
    let told = say(&mut irc, conn, &["PASS gate", "NICK x", "USER x 0 * :x"]);
    one(&told, " 464 ");
    none(&told, " 001 ");
    let conn = irc.connect();
    let secret = BASE64.encode(b"\0ana\0secret");
    let log_in = format!("AUTHENTICATE {secret}");
    let told = say(
        &mut irc,
        conn,
        &[
            "PASS gate",
            "CAP REQ sasl",
            "AUTHENTICATE PLAIN",
            &log_in,
            "NICK x",
            "USER x 0 * :x",
            "CAP END",
        ],
    );
    one(&told, " 903 ");
    one(&told, " 001 Ana ");
}

#[test]
fn before_the_servers_password_no_account_is_guessed_at_or_made() {
    let mut irc = irc(Registration::BeforeConnect);
    irc.checks_at_once = false;
    let conn = irc.connect();
    let secret = BASE64.encode(b"\0ana\0guess");
    let lines = [
        "CAP REQ :sasl standard-replies",
        "NICK x",
        "AUTHENTICATE PLAIN",
    ];
    let told = say(&mut irc, conn, &lines);
    one(&told, " 904 ");
    none(&told, "AUTHENTICATE +");
    let log_in = format!("AUTHENTICATE {secret}");
    let told = say(&mut irc, conn, &[&log_in, "REGISTER x * secret"]);
    one(&told, " 904 ");
    one(&told, "FAIL REGISTER DISALLOWED x ");
    assert!(
        irc.checks.is_empty() && irc.asked.is_empty(),
        "nothing was looked at"
    );
    // What is piped behind the password waits until it was looked at.
    let told = say(
        &mut irc,
        conn,
        &["PASS gate", "REGISTER x * secret", "PING behind"],
    );
    assert_eq!(told, [""; 0]);
    let (check, credential) = irc.checks.remove(0);
    assert!(matches!(credential, Credential::Connection { .. }));
    assert_eq!(format!("{credential:?}"), "Connection");
    irc.answer(check, &credential);
    irc.turn();
    assert_eq!(irc.asked.len(), 1, "the account is made now");
}
