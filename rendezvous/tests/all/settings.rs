//! `--check`, what is refused, what a signal changes.

use std::path::Path;

use crate::client::Client;
use crate::program::{OPEN, Rendezvous, certificate, file, folder, program, write};

fn check(path: &Path) -> (bool, String) {
    let output = program()
        .arg("--config")
        .arg(path)
        .arg("--check")
        .output()
        .unwrap();
    assert!(output.stdout.is_empty());
    (
        output.status.success(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn check_says_what_is_wrong_and_makes_nothing() {
    let folder = folder(OPEN);
    assert_eq!(check(&file(folder.path())), (true, String::new()));
    write(folder.path(), "colour = \"red\"");
    let (good, said) = check(&file(folder.path()));
    assert!(!good && said.contains("unknown field `colour`"), "{said}");
    assert!(!folder.path().join("data").exists());
    let served = program()
        .arg("--config")
        .arg(file(folder.path()))
        .output()
        .unwrap();
    let said = String::from_utf8(served.stderr).unwrap();
    assert!(
        !served.status.success() && said.contains("`colour`"),
        "{said}"
    );
    assert!(!folder.path().join("data").exists());
}

#[test]
fn a_hang_up_takes_a_new_certificate_and_a_wrong_file_changes_nothing() {
    let mut server = Rendezvous::start(OPEN);
    write(server.folder.path(), "colour = \"red\"");
    server.signal("HUP");
    server.says("the settings stay as they were");
    server.says("unknown field `colour`");
    Client::plain(&mut server).register("ana", "correct horse");
    certificate(server.folder.path());
    write(
        server.folder.path(),
        &OPEN.replace("open_registration = true", ""),
    );
    server.signal("HUP");
    server.says("the settings were read again");
    let mut guest = Client::tls(&mut server, None);
    guest.introduce("ben");
    guest.until(" 005 ");
    guest.say("REGISTER * * another-password");
    let line = guest.until("REGISTER");
    assert!(
        line.contains("DISALLOWED") || line.contains("not made here"),
        "{line}"
    );
}

#[test]
fn the_page_tells_health_and_figures_and_no_names() {
    let mut server = Rendezvous::start(OPEN);
    Client::plain(&mut server).register("ana", "correct horse");
    let address = server.says("metrics: http://").replace("/metrics", "");
    let get = |path: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    assert!(get("/health").ends_with("ok\n"));
    let figures = get("/metrics");
    assert!(
        figures.contains("alloquy_rendezvous_accounts 1"),
        "{figures}"
    );
    assert!(
        figures.contains("alloquy_rendezvous_irc_accepted_total 1"),
        "{figures}"
    );
    assert!(
        !figures.contains("ana") && !figures.contains("127.0.0.1"),
        "{figures}"
    );
    assert!(get("/").contains("404"));
}

#[test]
fn previews_are_lines_unless_the_file_leaves_them_out() {
    for (shown, settings) in [
        (true, OPEN.to_owned()),
        (
            false,
            OPEN.replace("lobby = true", "lobby = true\npreviews = false"),
        ),
    ] {
        let mut server = Rendezvous::start(&settings);
        Client::plain(&mut server).register("ana", "correct horse");
        let mut reads = Client::plain(&mut server);
        reads.introduce("visitor");
        reads.until(" 005 ");
        reads.say("JOIN #lobby");
        reads.until(" 366 ");
        let mut ana = Client::tls(&mut server, None);
        ana.come_in("ana", "correct horse");
        ana.say("CAP REQ :alloquy.chat/embed");
        ana.until(" ACK ");
        ana.say("JOIN #lobby");
        ana.until(" 366 ");
        let tag = "alloquy.chat/embed=https://example.org/\\sAn\\sexample";
        ana.say(&format!("@{tag} PRIVMSG #lobby :look at this"));
        let echo = ana.until("look at this");
        assert!(echo.contains(tag), "{echo}");
        ana.say("PRIVMSG #lobby :the end");
        reads.until("look at this");
        let next = reads.until("PRIVMSG");
        let preview = next.contains("PRIVMSG #lobby :[preview] An example: https://example.org/");
        assert_eq!(preview, shown, "{next}");
        assert_eq!(next.contains("the end"), !shown, "{next}");
    }
}
