//! Whom an account hears: ACCEPT and SILENCE.

use std::sync::Arc;

use alloquy_api::PersonalCommand;
use alloquy_api::command::AccountRef;
use alloquy_api::personal::ContactView;
use alloquy_ids::AccountId;

use crate::asked::{STRANGER, asks, orders, request};
use crate::bound::{come_in, logged_in};
use crate::fake::{ANA, BEN, DIRECT, Irc, none, not_permitted, one};

fn to(account: AccountId) -> AccountRef {
    AccountRef(account.to_string())
}

pub(crate) fn contact(irc: &mut Irc, account: AccountId, name: &str) {
    let contact = ContactView {
        account,
        name: name.to_owned(),
        verified: false,
        blocked: false,
        online: true,
    };
    irc.node.change(|snapshot| {
        let mut contacts = snapshot.contacts.to_vec();
        contacts.push(contact);
        snapshot.contacts = Arc::new(contacts);
    });
    irc.turn();
}

#[test]
fn a_request_is_declined_and_not_told_again() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    asks(&mut irc, request(STRANGER, "Zoë"));
    one(
        &irc.lines(conn),
        "[wants to write to you: an answer accepts, ACCEPT -Zoë-asks declines]",
    );
    let told = irc.ask(conn, "ACCEPT -Zoë-asks");
    assert_eq!(
        orders(&irc),
        [PersonalCommand::DmDecline {
            account: to(STRANGER)
        }]
    );
    none(&told, " 40");
    let again = irc.connect();
    for line in ["PASS secret", "NICK a", "USER u 0 * :r"] {
        irc.send(again, line);
    }
    let told = irc.lines(again);
    one(&told, " 376 ");
    none(&told, "[wants to write");
    one(&irc.ask(conn, "ACCEPT -Zoë-asks"), " 401 Ana Zoë-asks ");
}

#[test]
fn a_request_is_accepted_without_a_word_and_a_group_as_by_joining_it() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    asks(&mut irc, request(STRANGER, "Zoë"));
    irc.ask(conn, "ACCEPT zoë-ASKS");
    let accepts = PersonalCommand::DmAccept {
        account: to(STRANGER),
    };
    assert_eq!(orders(&irc), [accepts]);
    // Whoever does not ask, or was declined, may write by that.
    irc.ask(conn, "ACCEPT Ben-Ash");
    let opens = PersonalCommand::Dm { account: to(BEN) };
    assert_eq!(orders(&irc).last(), Some(&opens));
    let group = alloquy_api::personal::DmRequestView {
        group: Some(DIRECT),
        ..request(BEN, "Ben Ash")
    };
    asks(&mut irc, group.clone());
    one(&irc.ask(conn, "ACCEPT Ben-Ash"), "the group opens");
    let accepts = PersonalCommand::DmAccept { account: to(BEN) };
    assert_eq!(orders(&irc).last(), Some(&accepts));
    asks(&mut irc, group.clone());
    irc.ask(conn, "ACCEPT -Ben-Ash");
    let declines = PersonalCommand::DmDecline { account: to(BEN) };
    assert_eq!(orders(&irc).last(), Some(&declines));
    // Groups are no matter of one community's network.
    let bound = logged_in(&mut irc);
    irc.send(bound, "BOUNCER BIND our-club");
    come_in(&mut irc, bound);
    asks(&mut irc, group);
    let before = orders(&irc).len();
    one(&irc.ask(bound, "ACCEPT Ben-Ash"), " 403 ");
    assert_eq!(orders(&irc).len(), before);
}

#[test]
fn contacts_are_listed_and_removed() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    for list in ["ACCEPT *", "ACCEPT"] {
        let told = irc.ask(conn, list);
        none(&told, " 281 ");
        one(&told, " 282 Ana :End of /ACCEPT list");
    }
    contact(&mut irc, BEN, "Ben Ash");
    for number in 10..90 {
        let name = format!("A friend with a long name {number}");
        contact(&mut irc, AccountId([number; 32]), &name);
    }
    irc.lines(conn);
    let told = irc.ask(conn, "ACCEPT *");
    let rows: Vec<_> = told.iter().filter(|line| line.contains(" 281 ")).collect();
    assert!(rows.len() > 1 && rows.iter().all(|row| row.len() < 510));
    let nicks: usize = rows
        .iter()
        .map(|row| row.rsplit(':').next().unwrap().split(' ').count())
        .sum();
    assert_eq!(nicks, 81, "{rows:?}");
    one(&irc.ask(conn, "ACCEPT Ben-Ash"), " 457 Ana Ben-Ash ");
    one(&irc.ask(conn, "ACCEPT -Ana"), " 458 Ana Ana ");
    irc.ask(conn, "ACCEPT -Ben-Ash");
    let removes = PersonalCommand::ContactRemove { account: to(BEN) };
    assert_eq!(orders(&irc), [removes]);
    one(&irc.ask(conn, "ACCEPT -Ben-Ash"), " 458 Ana Ben-Ash ");
    one(&irc.ask(conn, "ACCEPT nobody"), " 401 Ana nobody ");
    let many = ["-nobody"; 9].join(",");
    one(
        &irc.ask(conn, &format!("ACCEPT {many}")),
        " 407 Ana -nobody ",
    );
}

#[test]
fn somebody_is_blocked_by_whatever_mask_means_that_person_alone() {
    let host = BEN.words().join(".");
    for mask in [
        "Ben-Ash".to_owned(),
        "+ben-ash".to_owned(),
        "+Ben-Ash!*@*".to_owned(),
        format!("+*!{}@{host}", BEN.short()),
        format!("+*!*@{host}"),
        format!("+*!*{}@*", BEN.short()),
        format!("+Ben-Ash!~{}@{host}", BEN.short()),
        format!("+{BEN}"),
    ] {
        let mut irc = Irc::new();
        let (conn, other) = (irc.client(""), irc.client(""));
        irc.lines(other);
        let told = irc.ask(conn, &format!("SILENCE {mask}"));
        let blocks = PersonalCommand::Block { account: to(BEN) };
        assert_eq!(orders(&irc), [blocks], "{mask}");
        one(&told, " SILENCE +Ben-Ash!*@*");
        one(&irc.lines(other), " SILENCE +Ben-Ash!*@*");
        let told = irc.ask(conn, "SILENCE");
        one(&told, " 271 Ana Ana Ben-Ash!*@*");
        one(&told, " 272 Ana Ana ");
        // As it is, it is no change.
        none(&irc.ask(conn, "SILENCE +Ben-Ash"), "SILENCE");
        one(
            &irc.ask(conn, "SILENCE -Ben-Ash!*@*"),
            " SILENCE -Ben-Ash!*@*",
        );
        none(&irc.ask(conn, "SILENCE -Ben-Ash"), "SILENCE");
        none(&irc.ask(conn, "SILENCE"), " 271 ");
        assert_eq!(orders(&irc).len(), 2);
    }
}

#[test]
fn who_is_blocked_is_told_where_that_person_is_and_to_who_is_in_alone() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    let bound = logged_in(&mut irc);
    irc.send(bound, "BOUNCER BIND our-club");
    come_in(&mut irc, bound);
    let early = logged_in(&mut irc);
    contact(&mut irc, STRANGER, "Zoë");
    irc.lines(bound);
    irc.lines(early);
    one(&irc.ask(conn, "SILENCE +Zoë"), " SILENCE +Zoë!*@*");
    none(&irc.lines(bound), "SILENCE");
    none(&irc.lines(early), "SILENCE");
    one(&irc.ask(conn, "SILENCE +Ben-Ash"), " SILENCE +Ben-Ash!*@*");
    one(&irc.lines(bound), " SILENCE +Ben-Ash!*@*");
    none(&irc.lines(early), "SILENCE");
    let told = irc.ask(bound, "SILENCE");
    one(&told, " 271 Ana Ana Ben-Ash!*@*");
    none(&told, "Zoë");
}

#[test]
fn a_mask_that_may_mean_others_too_blocks_nobody() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    let other = ANA.words().join(".");
    for mask in [
        "+*!*@*".to_owned(),
        "+nobody".to_owned(),
        "+B*!*@*".to_owned(),
        "+*!@".to_owned(),
        format!("+Ben-Ash!*@{other}"),
        "-nobody".to_owned(),
        "+".to_owned(),
        "-".to_owned(),
    ] {
        one(&irc.ask(conn, &format!("SILENCE {mask}")), " 401 Ana ");
    }
    assert_eq!(orders(&irc), []);
}

#[test]
fn a_refusal_is_told_and_changes_nothing() {
    let mut irc = Irc::new();
    let conn = irc.client("standard-replies");
    contact(&mut irc, BEN, "Ben Ash");
    irc.lines(conn);
    irc.node.refuse = Some(not_permitted());
    let told = irc.ask(conn, "SILENCE +Ben-Ash");
    one(&told, "FAIL SILENCE CANNOT_CHANGE +Ben-Ash :");
    none(&told, "!a");
    irc.node.refuse = Some(not_permitted());
    one(
        &irc.ask(conn, "ACCEPT -Ben-Ash"),
        "FAIL ACCEPT CANNOT_CHANGE Ben-Ash :",
    );
}

#[test]
fn who_may_only_read_sees_the_lists_and_changes_nothing() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    for line in [
        "CAP REQ standard-replies",
        "PASS ana:reading",
        "NICK a",
        "USER u 0 * :r",
        "CAP END",
    ] {
        irc.send(conn, line);
    }
    contact(&mut irc, BEN, "Ben Ash");
    irc.lines(conn);
    one(&irc.ask(conn, "ACCEPT *"), " 281 Ana Ben-Ash");
    one(&irc.ask(conn, "SILENCE"), " 272 ");
    for line in ["ACCEPT -Ben-Ash", "SILENCE +Ben-Ash"] {
        one(&irc.ask(conn, line), " READ_ONLY ");
    }
    assert_eq!(orders(&irc), []);
}
