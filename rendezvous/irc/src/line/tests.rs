use proptest::prelude::*;

use super::*;
use crate::caps::Caps;

fn parsed(text: &str) -> Line {
    Line::parse(text.as_bytes()).unwrap().unwrap()
}

#[test]
fn lines_are_read_by_the_table() {
    for (text, command, params) in [
        ("PING", "PING", &[][..]),
        ("ping :a b", "PING", &["a b"]),
        (
            ":me!u@h PRIVMSG #a :hi there",
            "PRIVMSG",
            &["#a", "hi there"],
        ),
        ("PRIVMSG #a ::)", "PRIVMSG", &["#a", ":)"]),
        ("PRIVMSG  #a   hi", "PRIVMSG", &["#a", "hi"]),
        ("TOPIC #a :", "TOPIC", &["#a", ""]),
        ("  PING x ", "PING", &["x"]),
        ("001 x", "001", &["x"]),
        (
            "A 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
            "A",
            &[
                "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15 16",
            ],
        ),
    ] {
        let line = parsed(text);
        assert_eq!(
            (
                line.command.as_str(),
                line.params.iter().map(String::as_str).collect::<Vec<_>>()
            ),
            (command, params.to_vec()),
            "{text}"
        );
    }
    assert_eq!(Line::parse(b""), Ok(None));
    assert_eq!(Line::parse(b"   "), Ok(None));
}

#[test]
fn tags_are_unescaped_and_the_last_of_a_name_counts() {
    let line = parsed("@a=1;+b=x\\:\\s\\\\\\r\\n\\q\\;c;a=2;d= TAGMSG #x");
    assert_eq!(line.tag("a"), Some("2"));
    assert_eq!(line.tag("+b"), Some("x; \\\r\nq"));
    assert_eq!(line.tag("c"), Some(""));
    assert_eq!(line.tag("d"), Some(""));
    assert_eq!(line.tag("e"), None);
}

#[test]
fn what_is_no_line_is_refused_with_its_reason() {
    let tags = |bytes: usize| [b"@", "a".repeat(bytes).as_bytes(), b" PING"].concat();
    let body = |bytes: usize| format!("PING {}", "a".repeat(bytes - 5)).into_bytes();
    assert!(Line::parse(&tags(4094)).is_ok());
    assert_eq!(Line::parse(&tags(4095)), Err(BadLine::TagsTooLong));
    assert!(Line::parse(&body(510)).is_ok());
    assert_eq!(Line::parse(&body(511)), Err(BadLine::TooLong));
    let long = format!("authenticate {}", "a".repeat(1009)).into_bytes();
    assert!(Line::parse(&long).is_ok());
    assert_eq!(
        Line::parse(&[&long[..], b"a"].concat()),
        Err(BadLine::TooLong)
    );
    for bytes in [
        &b"PING a\0b"[..],
        b"PING a\rQUIT",
        b"PING a\nQUIT",
        b"@a=\0 PING",
    ] {
        assert_eq!(Line::parse(bytes), Err(BadLine::Control), "{bytes:?}");
    }
    assert_eq!(Line::parse(b"PRIVMSG #a :\xff\xfe"), Err(BadLine::NotUtf8));
    for bytes in [&b"@a=b"[..], b":source", b"12 x", b"PI-NG x", b":source :x"] {
        assert_eq!(Line::parse(bytes), Err(BadLine::NoCommand), "{bytes:?}");
    }
}

#[test]
fn a_line_out_is_cut_at_a_grapheme_and_holds_no_break() {
    let long = "e\u{301}".repeat(400);
    let bytes = Out::new("s", "PRIVMSG", &["#a", &long]).bytes(Caps::default());
    assert!(bytes.len() <= 512);
    let text = bytes.trim_end().rsplit(' ').next().unwrap();
    assert_eq!(text.len() % 3, 0, "no accent without its letter");
    let injected = Out::new("s", "TOPIC", &["#a", "x\r\nQUIT\0"]).bytes(Caps::default());
    assert_eq!(injected, ":s TOPIC #a :x  QUIT \r\n");
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        drop(Line::parse(&bytes));
    }

    #[test]
    fn what_is_written_is_read_as_the_same(
        params in proptest::collection::vec("[a-z#*/äß🙂]{1,8}", 0..5),
        last in "[ -~äß🙂]{0,40}",
        value in any::<String>(),
    ) {
        let mut all: Vec<&str> = params.iter().map(String::as_str).collect();
        all.push(&last);
        let mut out = Out::new("source", "PRIVMSG", &all);
        out.tags.client = vec![("+x".to_owned(), value.clone())];
        let bytes = out.bytes(Caps::all());
        let line = parsed(bytes.strip_suffix("\r\n").unwrap());
        prop_assert_eq!(&line.params, &all);
        prop_assert_eq!(line.tag("+x").unwrap(), value.replace('\0', ""));
    }
}
