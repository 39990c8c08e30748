//! Accounts: made, logged in to by each way, talking in the lobby, there after a restart.

use std::thread;
use std::time::Duration;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use rcgen::generate_simple_self_signed;
use sha2::{Digest, Sha256};

use crate::client::Client;
use crate::program::{OPEN, Rendezvous};

const PASSWORD: &str = "correct horse";

#[test]
fn an_account_logs_in_over_tls_and_talks_in_the_lobby() {
    let mut server = Rendezvous::start(OPEN);
    Client::plain(&mut server).register("ana", PASSWORD);
    let mut ana = Client::tls(&mut server, None);
    ana.come_in("ana", PASSWORD);
    ana.say("JOIN #lobby");
    ana.until(" 366 ");
    let mut guest = Client::plain(&mut server);
    guest.introduce("visitor");
    guest.until(" 005 ");
    guest.say("JOIN #lobby");
    guest.until(" 366 ");
    ana.say("PRIVMSG #lobby :hello from ana");
    let line = guest.until("hello from ana");
    assert!(
        line.contains(":ana!") && line.contains("PRIVMSG #lobby"),
        "{line}"
    );
    // The name of who has just come may arrive after it.
    loop {
        ana.say("NAMES #lobby");
        if ana.until(" 353 ").contains("visitor") {
            break;
        }
        ana.until(" 366 ");
    }
    guest.say("PRIVMSG #lobby :hello from nowhere");
    let line = ana.until("hello from nowhere");
    assert!(line.contains(":visitor!"), "{line}");
    // A second session of the account sees what the first says.
    let mut again = Client::tls(&mut server, None);
    again.come_in("ana", PASSWORD);
    again.say("JOIN #lobby");
    again.until(" 366 ");
    ana.say("PRIVMSG #lobby :to both");
    again.until("to both");
    // Nothing of this stands in the log.
    let said = server.said();
    for secret in ["hello", "correct horse", "visitor", "#lobby"] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
}

#[test]
fn a_channel_of_the_lobby_is_made_by_joining_it() {
    let mut server = Rendezvous::start(OPEN);
    let mut one = Client::plain(&mut server);
    one.introduce("one");
    one.until(" 005 ");
    one.say("JOIN #new-place");
    one.until("JOIN #new-place");
    one.until(" 366 ");
    let mut two = Client::plain(&mut server);
    two.introduce("two");
    two.until(" 005 ");
    two.say("JOIN #new-place");
    two.until(" 366 ");
    two.say("PRIVMSG #new-place :found it");
    one.until("found it");
    one.say("JOIN #bad,#Bad*Name");
    one.until(" 403 ");
}

#[test]
fn accounts_and_what_was_said_are_there_after_a_restart() {
    let mut server = Rendezvous::start(OPEN);
    Client::plain(&mut server).register("ana", PASSWORD);
    let mut ana = Client::plain(&mut server);
    ana.come_in("ana", PASSWORD);
    ana.say("JOIN #lobby");
    ana.until(" 366 ");
    ana.say("PRIVMSG #lobby :kept");
    ana.until("PRIVMSG #lobby kept");
    let mut server = Rendezvous::at(server.end());
    let mut ana = Client::plain(&mut server);
    ana.say("CAP REQ :draft/chathistory batch server-time");
    ana.until(" ACK ");
    ana.come_in("ana", PASSWORD);
    ana.say("JOIN #lobby");
    ana.until(" 366 ");
    ana.say("CHATHISTORY LATEST #lobby * 10");
    ana.until("kept");
    ana.say("PING done");
    ana.until("done");
    assert_eq!(
        ana.log.matches("PRIVMSG #lobby kept").count(),
        1,
        "{}",
        ana.log
    );
}

#[test]
fn who_makes_an_account_while_it_is_here_is_known_again() {
    let mut server = Rendezvous::start(OPEN);
    let mut here = |name: &str| {
        let mut client = Client::plain(&mut server);
        client.introduce(name);
        client.until(" 005 ");
        client.say("JOIN #lobby");
        client.until(" 366 ");
        client.say(&format!("REGISTER * * :{PASSWORD}"));
        client.until("REGISTER SUCCESS");
        client
    };
    let (mut ben, mut goes, mut stays) = (here("ben"), here("goes"), here("stays"));
    let hear = |client: &mut Client, text: &str| {
        client.until(text);
        client.say(&format!("PING {text}"));
        client.until(&format!("PONG irc.example.org {text}"));
    };
    ben.say("PRIVMSG #lobby :heard");
    hear(&mut goes, "heard");
    hear(&mut stays, "heard");
    drop(goes);
    ben.say("PRIVMSG #lobby :later");
    hear(&mut stays, "later");
    // The one has gone before the server ends, the other goes with it.
    let mut server = Rendezvous::at(server.end());
    for (name, missed) in [("goes", 1), ("stays", 0)] {
        let mut client = Client::plain(&mut server);
        client.come_in(name, PASSWORD);
        client.say("JOIN #lobby");
        client.until(" 366 ");
        client.say("PRIVMSG #lobby :done");
        client.until("PRIVMSG #lobby done");
        let said = |text: &str| {
            client
                .log
                .matches(&format!("PRIVMSG #lobby {text}"))
                .count()
        };
        assert_eq!(
            (said("heard"), said("later")),
            (0, missed),
            "{}",
            client.log
        );
    }
}

#[test]
fn what_is_no_account_or_no_password_is_refused_alike() {
    let mut server = Rendezvous::start(OPEN);
    Client::plain(&mut server).register("ana", PASSWORD);
    let mut refusals = Vec::new();
    for (account, password) in [("ana", "wrong horse"), ("nobody", PASSWORD)] {
        let mut client = Client::plain(&mut server);
        client.log_in(account, password);
        refusals.push(client.until(" 904 "));
    }
    assert_eq!(
        refusals[0].replace("ana", "*"),
        refusals[1].replace("nobody", "*")
    );
    let line = server.says("failed log-in from ");
    assert_eq!(line, "127.0.0.1");
    // Only the name of an account is a guest's taboo.
    let mut guest = Client::plain(&mut server);
    guest.introduce("Ana");
    guest.until(" 433 ");
    assert!(!guest.log.contains(" 001 "), "{}", guest.log);
    guest.say("NICK another");
    guest.until(" 001 another ");
}

#[test]
fn whoever_connects_has_to_know_the_password_of_the_rendezvous() {
    let mut server = Rendezvous::start(&format!("{OPEN}password = \"open sesame\"\n"));
    let mut stranger = Client::plain(&mut server);
    stranger.introduce("stranger");
    stranger.until(" 464 ");
    stranger.until("ERROR");
    let mut guess = Client::plain(&mut server);
    guess.say("PASS :open says me");
    guess.until(" 464 ");
    guess.until("ERROR");
    assert_eq!(server.says("failed log-in from "), "127.0.0.1");
    let mut guest = Client::plain(&mut server);
    guest.say("PASS :open sesame");
    guest.register("ana", PASSWORD);
    // An account's own password is asked for as ever, by either way.
    for (account, then) in [
        ("ana:correct horse", " 001 ana "),
        ("ana:wrong horse", " 464 "),
    ] {
        let mut client = Client::plain(&mut server);
        client.say("PASS :open sesame");
        client.say(&format!("PASS :{account}"));
        client.introduce("ana");
        client.until(then);
    }
    let mut early = Client::plain(&mut server);
    early.say("CAP REQ :sasl");
    early.introduce("ana");
    early.until(" ACK ");
    early.say("AUTHENTICATE PLAIN");
    early.until(" 904 ");
    let mut client = Client::plain(&mut server);
    client.say("PASS :open sesame");
    client.come_in("ana", PASSWORD);
    assert!(!server.said().contains("sesame"));
}

/// Waits until a client's own node has heard of whom it knows as `nick`.
fn knows(client: &mut Client, nick: &str) {
    let found = format!(" {nick} ");
    loop {
        let before = client.log.len();
        client.say(&format!("WHOIS {nick}"));
        client.until(" 318 ");
        let is_found = |line: &str| line.contains(" 311 ") && line.contains(&found);
        if client.log[before..].lines().any(is_found) {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_operator_is_one_by_name_and_password_and_wrong_ones_are_logged() {
    let oper = "oper = [{ name = \"boss\", password = \"open sesame\" }]\n";
    let mut server = Rendezvous::start(&format!("{OPEN}{oper}"));
    let mut guest = Client::plain(&mut server);
    guest.introduce("visitor");
    guest.until(" 005 ");
    let mut boss = Client::plain(&mut server);
    boss.register("ana", PASSWORD);
    boss.say("OPER boss :open says me");
    boss.until(" 464 ");
    assert_eq!(server.says("failed log-in from "), "127.0.0.1");
    boss.say("OPER boss :open sesame");
    boss.until(" 381 ");
    boss.until(" MODE ana +o");
    // Both are in the lobby, so each knows the other by name as soon as its own node has heard of it.
    knows(&mut guest, "ana");
    knows(&mut boss, "visitor");
    boss.say("KILL visitor :out of here");
    guest.until("ERROR :Closing link: (Killed (ana (out of here)))");
    // It has no right in the lobby by that.
    boss.say("JOIN #lobby");
    boss.until(" 366 ");
    boss.say("TOPIC #lobby :mine");
    boss.until(" 482 ");
    assert!(!server.said().contains("sesame") && !server.said().contains("boss"));
}

#[test]
fn what_may_not_be_registered_is_refused_by_its_code() {
    let mut server = Rendezvous::start(OPEN);
    Client::plain(&mut server).register("modern", PASSWORD);
    let mut alike = Client::plain(&mut server);
    alike.introduce("modem");
    alike.until(" 433 ");
    let mut guest = Client::plain(&mut server);
    guest.say("CAP REQ :standard-replies");
    guest.introduce("guest");
    guest.say("CAP END");
    guest.until(" 005 ");
    for (line, code) in [
        ("REGISTER modern * other-password", "ACCOUNT_EXISTS"),
        ("REGISTER modem * other-password", "BAD_ACCOUNT_NAME"),
        ("REGISTER 1st * other-password", "BAD_ACCOUNT_NAME"),
        ("REGISTER NickServ * other-password", "BAD_ACCOUNT_NAME"),
        ("REGISTER fine * short", "WEAK_PASSWORD"),
    ] {
        guest.say(line);
        let answer = guest.until("FAIL REGISTER");
        assert!(answer.contains(code), "{line}: {answer}");
    }
    guest.say("REGISTER fine *");
    guest.until(" 461 ");
    guest.say("PRIVMSG NickServ :REGISTER other-password");
    guest.until("NOTICE guest :Account created");
    let mut early = Client::plain(&mut server);
    early.say("CAP REQ :standard-replies");
    early.say("REGISTER early * other-password");
    early.until("COMPLETE_CONNECTION_REQUIRED");
}

#[test]
fn one_source_makes_so_many_accounts_where_it_is_not_spared() {
    let mut server = Rendezvous::start(&format!("{OPEN}exempt = []\n"));
    let mut guest = |nick: &str| {
        let mut guest = Client::plain(&mut server);
        guest.say("CAP REQ :standard-replies");
        guest.introduce(nick);
        guest.say("CAP END");
        guest.until(" 005 ");
        guest
    };
    let mut first = guest("first");
    first.say(&format!("REGISTER elsewhere * :{PASSWORD}"));
    first.until("REGISTER SUCCESS elsewhere");
    first.say(&format!("REGISTER again * :{PASSWORD}"));
    first.until("FAIL REGISTER TEMPORARILY_UNAVAILABLE again");
    for nick in ["second", "third"] {
        let mut next = guest(nick);
        next.say(&format!("REGISTER * * :{PASSWORD}"));
        next.until("REGISTER SUCCESS");
    }
    let mut fourth = guest("fourth");
    fourth.say(&format!("REGISTER * * :{PASSWORD}"));
    fourth.until("FAIL REGISTER TEMPORARILY_UNAVAILABLE fourth");
    let mut elsewhere = Client::plain(&mut server);
    elsewhere.come_in("elsewhere", PASSWORD);
}

#[test]
fn a_registration_may_come_before_everything_else_where_the_settings_say_so() {
    let irc = format!("{OPEN}register_before_connect = true\nguests = false\n");
    let mut server = Rendezvous::start(&irc);
    let mut ana = Client::plain(&mut server);
    ana.say("CAP LS 302");
    ana.until("draft/account-registration=before-connect");
    ana.introduce("ana");
    ana.say("REGISTER * * correct-horse");
    ana.until("REGISTER SUCCESS ana");
    ana.say("CAP END");
    ana.until(" 001 ana ");
    let mut guest = Client::plain(&mut server);
    guest.introduce("guest");
    guest.until("ERROR");
    assert!(!guest.log.contains(" 001 "), "{}", guest.log);
}

#[test]
fn scram_lets_in_by_a_proof_and_the_server_proves_itself() {
    let mut server = Rendezvous::start(OPEN);
    Client::plain(&mut server).register("ana", PASSWORD);
    for (password, right) in [("wrong horse", false), (PASSWORD, true)] {
        let mut ana = Client::tls(&mut server, None);
        ana.say("CAP REQ :sasl");
        ana.introduce("ana");
        ana.say("AUTHENTICATE SCRAM-SHA-256");
        ana.until("AUTHENTICATE +");
        let bare = "n=ana,r=fyko+d2lbbFgONRv9qkxdawL";
        let say = |client: &mut Client, text: &str| {
            client.say(&format!("AUTHENTICATE {}", BASE64.encode(text.as_bytes())));
        };
        let hear = |client: &mut Client| {
            let line = client.until("AUTHENTICATE ");
            let text = line.rsplit(' ').next().unwrap();
            String::from_utf8(BASE64.decode(text.as_bytes()).unwrap()).unwrap()
        };
        // One that is given up leaves nothing behind.
        say(&mut ana, &format!("n,,{bare}"));
        hear(&mut ana);
        ana.say("AUTHENTICATE *");
        ana.until(" 906 ");
        ana.say("AUTHENTICATE SCRAM-SHA-256");
        ana.until("AUTHENTICATE +");
        say(&mut ana, &format!("n,,{bare}"));
        let first = hear(&mut ana);
        let (last, signature) = proof(bare, &first, password);
        say(&mut ana, &last);
        if right {
            assert_eq!(hear(&mut ana), format!("v={signature}"));
            ana.say("AUTHENTICATE +");
            ana.until(" 903 ");
            ana.say("CAP END");
            ana.until(" 001 ana ");
        } else {
            ana.until(" 904 ");
        }
    }
}

/// The client's side of SCRAM-SHA-256: its last message, and what the server must answer.
fn proof(bare: &str, first: &str, password: &str) -> (String, String) {
    let mac = |key: &[u8], text: &[u8]| -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text);
        mac.finalize().into_bytes().into()
    };
    let field = |name: &str| {
        let mut fields = first.split(',');
        fields.find_map(|field| field.strip_prefix(name)).unwrap()
    };
    let salt = BASE64.decode(field("s=").as_bytes()).unwrap();
    let mut salted = [0; 32];
    let rounds = field("i=").parse().unwrap();
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, rounds, &mut salted);
    let last = format!("c=biws,r={}", field("r="));
    let signed = format!("{bare},{first},{last}");
    let mut key = mac(&salted, b"Client Key");
    let signature = mac(&Sha256::digest(key), signed.as_bytes());
    for (byte, sign) in key.iter_mut().zip(signature) {
        *byte ^= sign;
    }
    let server = mac(&mac(&salted, b"Server Key"), signed.as_bytes());
    (
        format!("{last},p={}", BASE64.encode(&key)),
        BASE64.encode(&server),
    )
}

#[test]
fn a_certificate_is_a_way_in_once_an_account_names_it() {
    let mut server = Rendezvous::start(OPEN);
    Client::plain(&mut server).register("ana", PASSWORD);
    let own = generate_simple_self_signed(["ana".to_owned()]).unwrap();
    let external = |server: &mut Rendezvous| {
        let mut ana = Client::tls(server, Some(&own));
        ana.say("CAP REQ :sasl");
        ana.introduce("ana");
        ana.say("AUTHENTICATE EXTERNAL");
        ana.until("AUTHENTICATE +");
        ana.say("AUTHENTICATE +");
        ana
    };
    external(&mut server).until(" 904 ");
    let mut ana = Client::tls(&mut server, Some(&own));
    ana.come_in("ana", PASSWORD);
    ana.say("PRIVMSG NickServ :CERT ADD");
    ana.until("You can log in by this certificate");
    let mut ana = external(&mut server);
    ana.until(" 903 ");
    ana.say("CAP END");
    ana.until(" 001 ana ");
    let mut bare = Client::plain(&mut server);
    bare.come_in("ana", PASSWORD);
    bare.say("PRIVMSG NickServ :CERT ADD");
    bare.until("shows no certificate");
}

#[test]
fn an_app_password_is_good_for_its_scope_until_it_is_revoked() {
    let mut server = Rendezvous::start(OPEN);
    Client::plain(&mut server).register("ana", PASSWORD);
    let mut ana = Client::tls(&mut server, None);
    ana.come_in("ana", PASSWORD);
    let mut made = |ask: &str| {
        ana.say(&format!("PRIVMSG NickServ :APP ADD {ask}"));
        let line = ana.until("shown this once: ");
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let (full, reading) = (made("phone"), made("READ tablet"));
    let mut phone = Client::tls(&mut server, None);
    phone.come_in("ana", &full);
    phone.say("JOIN #lobby");
    phone.until(" 366 ");
    let mut tablet = Client::tls(&mut server, None);
    tablet.come_in("ana", &reading);
    tablet.say("JOIN #lobby");
    tablet.until(" 366 ");
    tablet.say("PRIVMSG #lobby :not mine to say");
    tablet.until("FAIL PRIVMSG READ_ONLY");
    tablet.say("PRIVMSG NickServ :APP ADD more");
    tablet.until("FAIL PRIVMSG READ_ONLY");
    phone.say("PRIVMSG #lobby :mine to say");
    tablet.until("mine to say");
    assert!(!tablet.log.contains("not mine"), "{}", tablet.log);
    ana.say("PRIVMSG NickServ :APP REVOKE 1");
    ana.until("is revoked");
    phone.until("ERROR :Closing link: What let you in is revoked");
    tablet.say("PING still");
    tablet.until("still");
    ana.say("PRIVMSG NickServ :APP LIST");
    let line = ana.until("phone");
    assert!(
        line.contains("1 for everything") && line.contains(", revoked 2"),
        "{line}"
    );
    ana.until("2 for reading");
    let mut late = Client::tls(&mut server, None);
    late.log_in("ana", &full);
    late.until(" 904 ");
    assert!(!server.said().contains(&full));
}
