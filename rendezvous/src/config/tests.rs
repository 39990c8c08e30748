use super::*;

fn read(text: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rendezvous.toml");
    std::fs::write(&path, text).unwrap();
    Config::read(&path)
}

const HEAD: &str = "server_name = \"irc.example.org\"\ndata_dir = \"data\"\n[irc]\n";
const PLAIN: &str = "listen_plain = [\"127.0.0.1:6667\"]\n";

fn refused(irc: &str) -> String {
    read(&format!("{HEAD}{irc}")).unwrap_err().to_string()
}

#[test]
fn a_short_file_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rendezvous.toml");
    std::fs::write(&path, format!("{HEAD}{PLAIN}")).unwrap();
    let config = Config::read(&path).unwrap();
    assert_eq!(config.server_name, "irc.example.org");
    assert_eq!(config.network, "irc.example.org");
    assert_eq!(
        config.data_dir,
        folder.path().join("data"),
        "relative to the file"
    );
    assert_eq!(
        config.doors,
        [(Kind::Plain, "127.0.0.1:6667".parse().unwrap())]
    );
    let exempt: Vec<String> = config.exempt.iter().map(ToString::to_string).collect();
    assert_eq!(exempt, ["127.0.0.0/8", "::1/128"]);
    assert!(config.previews);
    assert!(config.sasl.is_empty() && !config.open_registration && !config.lobby);
    assert_eq!(config.origins, ["https://irc.example.org"]);
    assert!(config.sts.is_none());
    assert!(config.pair.is_none() && config.metrics.is_none());
}

#[test]
fn lines_about_previews_are_left_out_where_the_file_says_so() {
    let config = read(&format!("{HEAD}{PLAIN}previews = false\n")).unwrap();
    assert!(!config.previews);
    let error = refused(&format!("{PLAIN}previews = \"no\"\n"));
    assert!(
        error.contains("previews") && error.contains("boolean"),
        "{error}"
    );
}

#[test]
fn where_streams_of_clients_may_lead_is_one_of_three_words() {
    for (irc, e2ee) in [
        ("", None),
        ("e2ee = \"off\"\n", None),
        ("e2ee = \"public\"\n", Some(Reach::Public)),
        ("e2ee = \"any\"\n", Some(Reach::Any)),
    ] {
        let config = read(&format!("{HEAD}{PLAIN}{irc}")).unwrap();
        assert_eq!(config.e2ee, e2ee, "{irc:?}");
    }
    let error = refused(&format!("{PLAIN}e2ee = \"maybe\"\n"));
    assert!(
        error.contains("irc.e2ee") && error.contains("\"maybe\"") && error.contains("\"public\""),
        "{error}"
    );
    let error = refused(&format!("{PLAIN}e2ee = true\n"));
    assert!(
        error.contains("e2ee") && error.contains("string"),
        "{error}"
    );
}

#[test]
fn an_unknown_key_is_named() {
    for (text, key) in [
        (format!("{HEAD}{PLAIN}lisen_tls = []\n"), "lisen_tls"),
        (format!("colour = 1\n{HEAD}{PLAIN}"), "colour"),
        (format!("{HEAD}{PLAIN}[http]\nlisten = 1\n"), "http"),
        (
            format!("{HEAD}{PLAIN}[[irc.oper]]\nname = \"o\"\npassword = \"p\"\nhost = \"h\"\n"),
            "host",
        ),
    ] {
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(&format!("unknown field `{key}`")), "{error}");
        assert!(error.contains("rendezvous.toml"), "{error}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_key() {
    for (irc, parts) in [
        (
            "listen_plain = [\"0.0.0.0:6667\"]",
            &["listen_plain", "0.0.0.0:6667", "127.0.0.0/8"][..],
        ),
        (
            "listen_websocket = [\"[::]:7002\"]",
            &["listen_websocket", "[::]:7002"],
        ),
        ("listen_plain = [\"6667\"]", &["listen_plain", "\"6667\""]),
        ("listen_tls = [\"[::]:6697\"]", &["tls_cert", "missing"]),
        (
            "listen_tls = [\"[::]:6697\"]\ntls_cert = \"c.pem\"",
            &["tls_key", "missing"],
        ),
        (
            "listen_tls = [\"[::]:6697\"]\ntls_cert = \"c.pem\"\ntls_key = \"k.pem\"",
            &["tls_cert", "c.pem"],
        ),
        ("", &["nobody could connect"]),
        (
            "listen_plain = [\"127.0.0.1:6667\"]\nexempt = [\"home\"]",
            &["exempt", "\"home\""],
        ),
        (
            "listen_plain = [\"127.0.0.1:6667\"]\nsasl = [\"DH-AES\"]",
            &["DH-AES", "PLAIN"],
        ),
        (
            "listen_plain = [\"127.0.0.1:6667\"]\nnetwork = \"A B\"",
            &["irc.network", "A B"],
        ),
        (
            "listen_plain = [\"127.0.0.1:6667\"]\nlisten_sts = [\"[::]:6667\"]",
            &["irc.listen_sts", "listen_tls"],
        ),
        (
            "listen_tls = [\"127.0.0.1:0\"]\ntls_cert = \"a\"\ntls_key = \"b\"\nlisten_sts = [\"[::]:6667\"]",
            &["irc.listen_sts", "listen_tls", "0"],
        ),
        (
            "listen_plain = [\"127.0.0.1:6667\"]\nsts_names = [\"irc.example.org\"]",
            &["irc.sts_names", "listen_tls"],
        ),
        (
            "listen_plain = [\"127.0.0.1:6667\"]\nwebsocket_origins = [\"chat.example.org\"]",
            &["irc.websocket_origins", "\"chat.example.org\""],
        ),
        (
            "listen_plain = [\"127.0.0.1:6667\"]\nwebsocket_origins = [\"https://a/b\"]",
            &["irc.websocket_origins", "\"https://a/b\""],
        ),
        ("listen_plain = 6667", &["listen_plain", "6667", "sequence"]),
    ] {
        let error = refused(irc);
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    for text in [
        "data_dir = \"data\"\n",
        "server_name = \"\"\ndata_dir = \"data\"\n",
        "server_name = \":a\"\ndata_dir = \"data\"\n",
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains("server_name"), "{error}");
    }
    let public = format!("metrics = \"192.0.2.1:9102\"\n{HEAD}{PLAIN}");
    let error = read(&public).unwrap_err().to_string();
    assert!(error.contains("metrics: 192.0.2.1:9102"), "{error}");
    let large = format!("{HEAD}{PLAIN}{}", "#".repeat(300_000));
    assert!(
        read(&large)
            .unwrap_err()
            .to_string()
            .contains("262144 bytes")
    );
    let missing = Config::read(Path::new("/nowhere/rendezvous.toml")).unwrap_err();
    assert!(
        missing.to_string().contains("/nowhere/rendezvous.toml"),
        "{missing}"
    );
}

#[test]
fn passwords_are_not_shown() {
    let config = read(&format!("{HEAD}{PLAIN}password = \"hush\"\n")).unwrap();
    let known = config.password.as_ref().map(Secret::text);
    assert_eq!(known, Some("hush"));
    assert!(!format!("{config:?}").contains("hush"));
    // What no client can give is none.
    for bad in ["", "a\\nb", &"hush".repeat(76)] {
        let error = refused(&format!("{PLAIN}password = \"{bad}\"\n"));
        assert!(
            error.contains("irc.password: is not 1 to 300 bytes"),
            "{error}"
        );
        assert!(!error.contains("hush"), "{error}");
    }
}

/// Operators as a file names them.
fn opers(all: &[(&str, &str)]) -> String {
    let one = |(name, password): &(&str, &str)| {
        format!("[[irc.oper]]\nname = \"{name}\"\npassword = \"{password}\"\n")
    };
    format!("{PLAIN}{}", all.iter().map(one).collect::<String>())
}

#[test]
fn operators_have_names_of_their_own_and_passwords_that_are_not_shown() {
    assert_eq!(read(&format!("{HEAD}{PLAIN}")).unwrap().opers, []);
    let text = opers(&[("ana", "hush now"), ("ben", "hush now")]);
    let config = read(&format!("{HEAD}{text}")).unwrap();
    let known = config.opers.iter();
    let known: Vec<(&str, &str)> = known
        .map(|oper| (oper.name.as_str(), oper.password.text()))
        .collect();
    assert_eq!(known, [("ana", "hush now"), ("ben", "hush now")]);
    assert!(!format!("{config:?}").contains("hush"));
    let (long, longest) = ("hush".repeat(76), "hush".repeat(75));
    for (all, parts) in [
        (
            &[("ana", "")][..],
            &["the password of \"ana\" is not 1 to 300"][..],
        ),
        (&[("ana", &long)], &["\"ana\"", "300 bytes"]),
        (&[("ana", "hu\\nsh")], &["\"ana\"", "line breaks"]),
        (&[("", "hush")], &["\"\" is not 1 to 63 bytes"]),
        (&[("an a", "hush")], &["\"an a\" is not one word"]),
        (&[(&long, "hush")], &["is not 1 to 63 bytes"]),
        (
            &[("ana", "hush"), ("ana", "hush2")],
            &["\"ana\" is there twice"],
        ),
        (&[("ana", "hush"); 65], &["65 are more than 64"]),
    ] {
        let error = refused(&opers(all));
        assert!(error.starts_with("irc.oper: "), "{error}");
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(!error.contains("hush") || all[0].0 == long, "{error}");
    }
    assert_eq!(
        read(&format!("{HEAD}{}", opers(&[("a", &longest)])))
            .unwrap()
            .opers
            .len(),
        1
    );
    // One without a password is none.
    let error = refused(&format!("{PLAIN}[[irc.oper]]\nname = \"ana\"\n"));
    assert!(error.contains("missing field `password`"), "{error}");
}

#[test]
fn what_this_version_does_not_do_is_refused() {
    let error = refused(&format!("{PLAIN}register_needs_email = true\n"));
    assert!(
        error.contains("irc.register_needs_email: this version does not do it"),
        "{error}"
    );
}
