use super::*;

fn fault(text: &str) -> String {
    Scenario::parse(text).unwrap_err().to_string()
}

#[test]
fn every_kind_of_line_is_read() {
    let text = r#"
        # a comment
        seed 9
        node ana
        node ben skew -900d   # behind
        ana: create-community "the # club"
        link = ana: invite club
        ben fails not_member: send club/general "x"
        ben later: join $link
        run 250ms
        settle
        partition ana | ben
        heal
        disconnect ana ben
        weather loss 10% delay 5ms 1s
        crash ben keep 2
        start ben
        stop ben
        disk ana full
        clock ana 2h
        expect ana: history club/general = "a = b" c
        expect equal ana ben
        expect sound
    "#;
    let scenario = Scenario::parse(text).unwrap();
    assert_eq!(scenario.seed, 9);
    assert_eq!(scenario.steps.len(), 20);
    let step = |index: usize| &scenario.steps[index].1;
    assert_eq!(
        *step(1),
        Step::Node {
            name: "ben".into(),
            offset_ms: -900 * 24 * 3_600_000
        }
    );
    let command = r#"create-community "the # club""#.to_owned();
    assert_eq!(
        *step(2),
        Step::Say {
            node: 0,
            keep: None,
            how: How::Succeeds,
            command
        }
    );
    let (keep, command) = (Some("link".to_owned()), "invite club".to_owned());
    assert_eq!(
        *step(3),
        Step::Say {
            node: 0,
            keep,
            how: How::Succeeds,
            command
        }
    );
    let command = "send club/general \"x\"".to_owned();
    assert_eq!(
        *step(4),
        Step::Say {
            node: 1,
            keep: None,
            how: How::Fails("not_member".into()),
            command
        }
    );
    let weather = Weather {
        loss: 100,
        delay_ms: (5, 1_000),
        ..Weather::CALM
    };
    assert_eq!(*step(11), Step::Weather(weather));
    let (command, values) = (
        "history club/general".to_owned(),
        vec!["a = b".to_owned(), "c".to_owned()],
    );
    assert_eq!(
        *step(17),
        Step::Expect {
            node: 0,
            command,
            relation: Relation::Are,
            values
        }
    );
}

#[test]
fn an_error_names_line_and_word() {
    let cases = [
        ("nod ana", "line 1, word 1"),
        ("node ana\nnode ana", "line 2, word 2"),
        ("node ana\nrun ten", "line 2, word 2"),
        ("node ana\nben: communities", "line 2, word 1"),
        ("node ana\nana:", "line 2, word 2"),
        ("node ana\nana soon: communities", "line 2, word 2"),
        ("node ana\nana: send a \"b", "line 2, word 4"),
        ("node ana\nexpect ana: communities", "line 2: expected `=`"),
        ("node ana\nheal now", "line 2, word 2"),
        ("node ana\nseed 3", "line 2, word 1"),
        ("node ana\npartition ana", "line 2: expected two"),
        ("node ana\nweather loss 101%", "line 2, word 3"),
        ("node ana\ndisk ana empty", "line 2, word 3"),
    ];
    for (text, place) in cases {
        let fault = fault(text);
        assert!(fault.starts_with(place), "{text:?}: {fault}");
    }
}
