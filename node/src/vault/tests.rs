use super::*;

fn by_passphrase(text: &str) -> KeySource {
    KeySource {
        passphrase: Some(Passphrase::new(text)),
        keychain: false,
    }
}

fn directory() -> (tempfile::TempDir, DataDir) {
    let outer = tempfile::tempdir().unwrap();
    let dir = DataDir::create(outer.path().join("data")).unwrap();
    (outer, dir)
}

#[test]
fn only_the_passphrase_opens_what_it_locked() {
    let (_outer, dir) = directory();
    let made = create(&dir, &by_passphrase("correct horse")).unwrap();
    assert_eq!(made.origin, KeyOrigin::Passphrase);
    assert!(!dir.key_file().exists());
    assert_eq!(
        unlock(&dir, &by_passphrase("correct horse"))
            .unwrap()
            .key
            .as_bytes(),
        made.key.as_bytes()
    );

    let wrong = unlock(&dir, &by_passphrase("correct horses")).unwrap_err();
    assert!(matches!(wrong, VaultError::WrongPassphrase(_)), "{wrong}");
    assert_eq!(wrong.code(), ErrorCode::WrongPassphrase);
    let none = unlock(&dir, &KeySource::default()).unwrap_err();
    assert!(matches!(none, VaultError::PassphraseNeeded(_)), "{none}");
    // Making the account again after a cut does not throw the key away.
    assert_eq!(
        create(&dir, &by_passphrase("correct horse"))
            .unwrap()
            .key
            .as_bytes(),
        made.key.as_bytes()
    );
}

#[test]
fn a_key_file_opens_and_a_foreign_or_missing_one_is_named() {
    let (_outer, dir) = directory();
    let made = create(&dir, &KeySource::default()).unwrap();
    assert_eq!(made.origin, KeyOrigin::KeyFile);
    assert_eq!(origin(&dir).unwrap(), Some(KeyOrigin::KeyFile));
    assert_eq!(
        unlock(&dir, &KeySource::default()).unwrap().key.as_bytes(),
        made.key.as_bytes()
    );
    assert_eq!(
        unlock(&dir, &by_passphrase("x")).unwrap_err().code(),
        ErrorCode::WrongPassphrase
    );

    write_private(&dir.key_file(), alloquy_ids::to_base32(&[7; 32]).as_bytes()).unwrap();
    let foreign = unlock(&dir, &KeySource::default()).unwrap_err().to_string();
    assert!(
        foreign.contains("store.key") && foreign.contains("another store"),
        "{foreign}"
    );
    write_private(&dir.key_file(), b"torn").unwrap();
    let torn = unlock(&dir, &KeySource::default()).unwrap_err().to_string();
    assert!(
        torn.contains("store.key") && torn.contains("no key"),
        "{torn}"
    );
    std::fs::remove_file(dir.key_file()).unwrap();
    let missing = unlock(&dir, &KeySource::default()).unwrap_err().to_string();
    assert!(
        missing.contains("store.key") && missing.contains("missing"),
        "{missing}"
    );
}

#[test]
fn a_damaged_vault_is_named_and_asks_for_no_unbounded_memory() {
    let (_outer, dir) = directory();
    create(&dir, &by_passphrase("p")).unwrap();
    let good = std::fs::read_to_string(dir.vault()).unwrap();
    for (from, to) in [
        ("65536", "4000000000"),
        ("\"version\": 1", "\"version\": 9"),
        ("\"salt\": \"", "\"salt\": \"!"),
    ] {
        assert!(good.contains(from), "{good}");
        write_private(&dir.vault(), good.replace(from, to).as_bytes()).unwrap();
        let error = unlock(&dir, &by_passphrase("p")).unwrap_err();
        assert!(
            matches!(error, VaultError::File { .. }) && error.to_string().contains("vault.json"),
            "{error}"
        );
    }
    write_private(&dir.vault(), &good.as_bytes()[..good.len() / 2]).unwrap();
    assert!(matches!(
        unlock(&dir, &by_passphrase("p")).unwrap_err(),
        VaultError::File { .. }
    ));
}

#[test]
fn a_passphrase_file_may_end_in_a_line_end_and_must_not_be_empty() {
    let outer = tempfile::tempdir().unwrap();
    let path = outer.path().join("p");
    for text in ["secret", "secret\n", "secret\r\n"] {
        std::fs::write(&path, text).unwrap();
        let source = KeySource::from_env(Some(&path)).unwrap();
        assert_eq!(source.passphrase.unwrap().0.as_str(), "secret");
    }
    std::fs::write(&path, "\n").unwrap();
    assert!(KeySource::from_env(Some(&path)).is_err());
    assert!(KeySource::from_env(Some(&outer.path().join("missing"))).is_err());
}
