//! Accounts from outside: who gets in, who does not, and what stays of it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can not go on says so by panicking"
)]

use alloquy_directory::limits::{
    APP_PASSWORDS_MAX, CERTIFICATES_MAX, PASSWORD_BYTES_MAX, WAIT_MS_MAX,
};
use alloquy_directory::{
    Account, Directory, Gate, Kept, Name, Number, PasswordError, Refused, Scope, Source,
};
use alloquy_ids::{MonoMs, UnixMs};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const AT: UnixMs = UnixMs(1_700_000_000_000);
const NOW: (MonoMs, UnixMs) = (MonoMs(1_000), AT);
const HERE: Source = Source(1);

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([5; 32])
}

fn empty() -> Directory {
    Directory::restore([9; 32], []).unwrap()
}

fn register(directory: &mut Directory, name: &str) -> Result<Number, Refused> {
    let kept = Kept::of("correct horse", &mut rng()).unwrap();
    directory.register(Name::new(name).unwrap(), kept, AT)
}

fn log_in(directory: &mut Directory, name: &str, password: &str) -> Option<Number> {
    let begun = directory.begin(name, HERE, NOW.0);
    let right = begun.right(password);
    directory.end(&begun, right, NOW).map(|who| who.number)
}

#[test]
fn a_password_lets_in_its_account_and_nobody_else() {
    let mut directory = empty();
    let ana = register(&mut directory, "Ana").unwrap();
    let ben = register(&mut directory, "ben").unwrap();
    assert_ne!(ana, ben);
    assert_eq!(log_in(&mut directory, "ANA", "correct horse"), Some(ana));
    assert_eq!(log_in(&mut directory, "ana", "correct horses"), None);
    assert_eq!(log_in(&mut directory, "ana", ""), None);
    assert_eq!(log_in(&mut directory, "nobody", "correct horse"), None);
    let long = "x".repeat(PASSWORD_BYTES_MAX);
    let kept = Kept::of(&long, &mut rng()).unwrap();
    let cem = directory
        .register(Name::new("cem").unwrap(), kept, AT)
        .unwrap();
    assert_eq!(log_in(&mut directory, "cem", &long), Some(cem));
    assert_eq!(log_in(&mut directory, "cem", &format!("{long}x")), None);
    assert_eq!(Kept::of("short", &mut rng()), Err(PasswordError::Short));
    assert_eq!(
        Kept::of(&format!("{long}x"), &mut rng()),
        Err(PasswordError::Long)
    );
}

#[test]
fn a_name_that_looks_like_another_is_refused() {
    let mut directory = empty();
    register(&mut directory, "modern").unwrap();
    assert_eq!(register(&mut directory, "Modern"), Err(Refused::Taken));
    assert_eq!(register(&mut directory, "modem"), Err(Refused::Confusable));
    assert_eq!(
        register(&mut directory, "rnodern"),
        Err(Refused::Confusable)
    );
    assert!(register(&mut directory, "modernist").is_ok());
}

#[test]
fn whoever_guesses_waits_and_the_owner_is_told() {
    let mut directory = empty();
    let ana = register(&mut directory, "ana").unwrap();
    for name in ["ana", "nobody"] {
        for _ in 0..40 {
            let begun = directory.begin(name, Source(66), NOW.0);
            assert!(directory.end(&begun, false, NOW).is_none());
        }
        let wait = directory.begin(name, Source(66), NOW.0).wait_ms;
        assert_eq!(wait, WAIT_MS_MAX, "the same for an account and for none");
    }
    // The right password is right for whoever waits.
    let begun = directory.begin("ana", HERE, NOW.0);
    assert_eq!(begun.wait_ms, WAIT_MS_MAX);
    let let_in = directory.end(&begun, true, NOW).unwrap();
    assert_eq!((let_in.number, let_in.failures), (ana, 40));
    assert_eq!(directory.begin("ana", HERE, NOW.0).wait_ms, 0);
    // The password of the rendezvous itself and that of an operator are guessed at no faster, each counted by itself.
    for gate in [Gate::Entry, Gate::Operator] {
        assert_eq!(directory.gate_wait_ms(gate, Source(66), NOW.0), 0);
        for _ in 0..40 {
            directory.end_gate(gate, false, (Source(66), NOW.0));
        }
        assert_eq!(directory.gate_wait_ms(gate, Source(66), NOW.0), WAIT_MS_MAX);
        directory.end_gate(gate, true, (HERE, NOW.0));
        assert_eq!(directory.gate_wait_ms(gate, HERE, NOW.0), 0);
    }
    // A check that was right for nobody is not.
    let nobody = directory.begin("nobody", HERE, NOW.0);
    assert!(directory.end(&nobody, true, NOW).is_none());
}

#[test]
fn an_app_password_is_good_until_it_is_revoked_and_for_its_account_only() {
    let mut directory = empty();
    let ana = register(&mut directory, "ana").unwrap();
    register(&mut directory, "ben").unwrap();
    let made = directory.add_app(ana, ("phone", Scope::Read), AT, &mut rng());
    let (app, text) = made.unwrap();
    let tried = |directory: &mut Directory, name: &str, text: &str| {
        directory
            .app(name, text, HERE, NOW)
            .expect("it has the shape")
    };
    let who = tried(&mut directory, "Ana", &text).unwrap();
    assert_eq!((who.number, who.scope), (ana, Scope::Read));
    assert_eq!(
        directory.account(ana).unwrap().apps[&app].last_use,
        Some(AT)
    );
    assert_eq!(tried(&mut directory, "ben", &text), None);
    let other = if text.ends_with('a') { "b" } else { "a" };
    let wrong = format!("{}{other}", &text[..text.len() - 1]);
    assert_eq!(tried(&mut directory, "ana", &wrong), None);
    assert!(
        directory.app("ana", "correct horse", HERE, NOW).is_none(),
        "no app password"
    );
    directory.revoke_app(ana, app, AT).unwrap();
    assert_eq!(tried(&mut directory, "ana", &text), None);
    assert_eq!(
        directory.revoke_app(ana, app, AT),
        Err(Refused::AppPassword)
    );
    assert_eq!(
        directory
            .add_app(ana, ("", Scope::Full), AT, &mut rng())
            .unwrap_err(),
        Refused::Label
    );
    let mut rng = rng();
    for _ in 1..APP_PASSWORDS_MAX {
        directory
            .add_app(ana, ("more", Scope::Full), AT, &mut rng)
            .unwrap();
    }
    let over = directory.add_app(ana, ("more", Scope::Full), AT, &mut rng);
    assert_eq!(over.unwrap_err(), Refused::AppPasswords);
}

#[test]
fn a_certificate_lets_in_whoever_registered_it() {
    let mut directory = empty();
    let ana = register(&mut directory, "ana").unwrap();
    let ben = register(&mut directory, "ben").unwrap();
    directory.add_certificate(ana, [1; 32]).unwrap();
    let by = |directory: &mut Directory, name| {
        let found = directory.certificate(name, &[1; 32], HERE);
        found.map(|who| who.number)
    };
    assert_eq!(by(&mut directory, None), Some(ana));
    assert_eq!(by(&mut directory, Some("ANA")), Some(ana));
    assert_eq!(by(&mut directory, Some("ben")), None);
    assert!(directory.certificate(None, &[2; 32], HERE).is_none());
    assert_eq!(
        directory.add_certificate(ben, [1; 32]),
        Err(Refused::Certificate)
    );
    assert_eq!(directory.add_certificate(ana, [1; 32]), Ok(()));
    for n in 2..=u8::try_from(CERTIFICATES_MAX).unwrap() {
        directory.add_certificate(ana, [n; 32]).unwrap();
    }
    assert_eq!(
        directory.add_certificate(ana, [99; 32]),
        Err(Refused::Certificates)
    );
}

#[test]
fn what_changed_is_told_once_and_brings_everything_back() {
    let mut directory = empty();
    let ana = register(&mut directory, "ana").unwrap();
    let made = directory.add_app(ana, ("phone", Scope::Full), AT, &mut rng());
    let (_, text) = made.unwrap();
    directory.add_certificate(ana, [1; 32]).unwrap();
    let kept = directory.take_changed();
    assert_eq!(kept.len(), 1);
    assert!(directory.take_changed().is_empty());
    let json = serde_json::to_string(&kept).unwrap();
    assert!(!json.contains(&*text) && !json.contains("correct horse"));
    let kept: Vec<Account> = serde_json::from_str(&json).unwrap();
    let mut again = Directory::restore([9; 32], kept.clone()).unwrap();
    assert_eq!(log_in(&mut again, "ana", "correct horse"), Some(ana));
    assert!(again.app("ana", &text, HERE, NOW).unwrap().is_some());
    assert_eq!(register(&mut again, "Ana"), Err(Refused::Taken));
    // A use within the minute is not worth a write.
    again.take_changed();
    log_in(&mut again, "ana", "correct horse");
    assert!(again.take_changed().is_empty());
    let twice = kept.iter().chain(&kept).cloned();
    assert!(Directory::restore([9; 32], twice).is_err());
}

#[test]
fn logs_hold_nothing_of_an_account() {
    let mut directory = empty();
    let ana = register(&mut directory, "ana").unwrap();
    let begun = directory.begin("ana", HERE, NOW.0);
    let shown = format!("{:?}", directory.account(ana).unwrap());
    assert!(!shown.contains("\"ana\""), "{shown}");
    assert!(!format!("{begun:?}").contains("\"ana\""), "{begun:?}");
}
