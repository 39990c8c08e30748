//! Whatever is said and comes in whatever order: no window is exceeded, and the connection goes on.

use alloquy_irc::limits::{E2EE_UNACKED_BYTES_MAX, E2EE_WINDOW_BYTES};
use alloquy_irc::{Tunnel, Tunnelled};
use proptest::prelude::*;

use super::{CAPS, bytes_of, client, come, data, given};

/// What a client and the other sides of its streams do in any order.
#[derive(Clone, Debug)]
enum Step {
    Line(String),
    Come(u64, Tunnelled),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let stream = 0..4_u64;
    let size = 1..40_000_usize;
    prop_oneof![
        stream
            .clone()
            .prop_map(|of| Step::Line(format!("E2EE OPEN {of} home"))),
        (stream.clone(), 1..3_100_usize)
            .prop_map(|(of, size)| Step::Line(data(of, &vec![1; size]))),
        (stream.clone(), size.clone())
            .prop_map(|(of, size)| Step::Line(format!("E2EE ACK {of} {size}"))),
        stream
            .clone()
            .prop_map(|of| Step::Line(format!("E2EE CLOSE {of}"))),
        stream
            .clone()
            .prop_map(|of| Step::Come(of, Tunnelled::Opened)),
        (stream.clone(), size.clone())
            .prop_map(|(of, size)| Step::Come(of, Tunnelled::Data(vec![2; size].into()))),
        (stream.clone(), size).prop_map(|(of, size)| Step::Come(of, Tunnelled::Taken(size))),
        stream.prop_map(|of| Step::Come(of, Tunnelled::Closed("over".to_owned()))),
        (1..2_000_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_order_of_events_exceeds_a_window(steps in proptest::collection::vec(step(), 1..80)) {
        let (mut irc, conn) = client(CAPS);
        // Towards the client, and from it.
        let mut down = [0_usize; 4];
        let mut up = [0_usize; 4];
        for step in steps {
            match step {
                Step::Line(line) => {
                    let told = irc.ask(conn, &line);
                    if let Some((of, size)) = line.strip_prefix("E2EE ACK ").and_then(|rest| rest.split_once(' ')) {
                        let of: usize = of.parse().unwrap();
                        let size: usize = size.parse().unwrap();
                        down[of] = if told.iter().any(|line| line.contains("WINDOW_EXCEEDED")) { 0 } else { down[of].saturating_sub(size) };
                    }
                    count(&told, &mut down);
                }
                Step::Come(of, what) => {
                    if let Tunnelled::Taken(size) = &what {
                        up[usize::try_from(of).unwrap()] = up[usize::try_from(of).unwrap()].saturating_sub(*size);
                    }
                    come(&mut irc, conn, of, what);
                    let told = irc.lines(conn);
                    count(&told, &mut down);
                }
                Step::Pass(ms) => irc.pass(ms),
            }
            for tunnel in given(&mut irc) {
                match tunnel {
                    Tunnel::Open { stream, .. } => {
                        down[usize::try_from(stream).unwrap()] = 0;
                        up[usize::try_from(stream).unwrap()] = 0;
                    }
                    Tunnel::Data { stream, bytes } => up[usize::try_from(stream).unwrap()] += bytes.len(),
                    Tunnel::Close { stream } => {
                        down[usize::try_from(stream).unwrap()] = 0;
                        up[usize::try_from(stream).unwrap()] = 0;
                    }
                    Tunnel::Taken { .. } => {}
                }
            }
            prop_assert!(down.iter().chain(&up).all(|bytes| *bytes <= E2EE_WINDOW_BYTES), "{down:?} {up:?}");
            prop_assert!(down.iter().sum::<usize>() <= E2EE_UNACKED_BYTES_MAX);
        }
        prop_assert!(irc.ask(conn, "PING still").iter().any(|line| line.contains("still")));
    }
}

fn count(told: &[String], down: &mut [usize; 4]) {
    for line in told {
        for of in 0..4_u64 {
            let at = usize::try_from(of).unwrap();
            down[at] += bytes_of(std::slice::from_ref(line), of).len();
            if line.contains(&format!(" E2EE CLOSE {of} ")) {
                down[at] = 0;
            }
        }
    }
}
