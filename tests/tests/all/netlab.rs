//! Nodes in a network of namespaces: behind boxes, over relays, over IPv6 alone, over bad lines.

use alloquy_tests::{Family, Host, Lab, Line, Nat, Peer, eventually};
use tempfile::tempdir;

fn talk(ana: &Peer, ben: &Peer) {
    ana.line("create-community Home");
    ana.line("create-channel Home text general");
    ben.line(&format!("join {}", ana.invite("Home")));
    ana.line("send Home/general \"from Ana\"");
    ben.reads("Home/general", &["from Ana".to_owned()]);
    ben.line("send Home/general \"from Ben\"");
    ana.reads(
        "Home/general",
        &["from Ana".to_owned(), "from Ben".to_owned()],
    );
}

/// The lab itself: who reaches whom, and that nothing leads out.
#[test]
fn a_host_behind_a_box_reaches_out_and_is_not_reached() {
    let Some(mut lab) = Lab::new("netlab") else {
        return;
    };
    let open = lab.host("open", Family::Both);
    let hidden = lab.behind("hidden", Nat::PortKeeping);
    for host in [&open, &hidden] {
        assert_eq!(host.default_routes(), "");
    }
    // A port that nobody listens at: who is reached refuses at once, a box that drops says nothing.
    let answers = |from: &Host, to: &str| {
        let mut dial = from.command("timeout");
        dial.args(["3", "bash", "-c", &format!(": </dev/tcp/{to}/9")]);
        let code = dial.output().unwrap().status.code();
        assert!(matches!(code, Some(1 | 124)), "{code:?}");
        code == Some(1)
    };
    assert!(answers(&hidden, &open.outside));
    assert!(!answers(&open, &hidden.outside));
}

#[test]
fn two_with_ipv6_alone_connect_and_talk() {
    let Some(mut lab) = Lab::new("netlab-ipv6") else {
        return;
    };
    let root = tempdir().unwrap();
    let [ana, ben] = ["ana", "ben"].map(|name| {
        let host = lab.host(name, Family::V6);
        let mut peer = host.peer(root.path(), name, &[]);
        peer.start();
        peer
    });
    talk(&ana, &ben);
}

#[test]
fn a_line_with_delay_loss_and_a_low_rate_only_takes_longer() {
    let Some(mut lab) = Lab::new("netlab-slow") else {
        return;
    };
    let root = tempdir().unwrap();
    let [ana, ben] = ["ana", "ben"].map(|name| {
        let host = lab.host_on(name, Family::Both, &Line::slow(60, 5, 2_000));
        let mut peer = host.peer(root.path(), name, &[]);
        peer.start();
        peer
    });
    talk(&ana, &ben);
    let texts: Vec<_> = (0..30).map(|number| format!("line {number}")).collect();
    for text in &texts {
        ana.line(&format!("send Home/general \"{text}\""));
    }
    eventually("all of it is there", || {
        (ben.texts("Home/general", 30) == texts).then_some(())
    });
}
