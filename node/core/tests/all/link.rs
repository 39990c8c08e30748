//! A device without an account comes to one: by a code, or by the recovery words.

use alloquy_api::personal::{LinkStep, LinkingView};
use alloquy_api::{CommandError, ErrorCode, Event, Reply};
use alloquy_core::{Input, Newcomer, OtherDevices, Output, Settled, Write};
use alloquy_ids::{NetworkKey, UnixMs};
use alloquy_schema::keys::DeviceKey;
use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::world::{KEEPS_WORDS, World};

/// Ten years in milliseconds.
const TEN_YEARS: u64 = 10 * 365 * 24 * 60 * 60 * 1000;
const TEN_MINUTES: u64 = 10 * 60 * 1000;

/// A newcomer beside a world.
struct Bench {
    world: World,
    newcomer: Newcomer<ChaCha8Rng>,
    key: NetworkKey,
    /// Under which key the world's nodes see it, and it sees them: a man in the middle has one of his own.
    middle: Option<NetworkKey>,
    steps: Vec<LinkStep>,
    faults: Vec<String>,
    /// Frames of the newcomer, as sent.
    sent: Vec<(NetworkKey, Bytes)>,
}

impl Bench {
    fn new(world: World, newcomer: Newcomer<ChaCha8Rng>) -> Self {
        let key = NetworkKey(DeviceKey::from_seed(&newcomer.network_seed()).public());
        Self {
            world,
            newcomer,
            key,
            middle: None,
            steps: Vec::new(),
            faults: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn by_code(world: World, code: &str) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(99);
        let newcomer = Newcomer::link(code, "phone", world.now, rng).expect("a code");
        Self::new(world, newcomer)
    }

    fn by_words(world: World, words: &str, from: &[usize], others: OtherDevices) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(98);
        let from = from.iter().map(|at| (world.peers[*at].key, Vec::new()));
        let newcomer = Newcomer::restore(words, from.collect(), others, world.now, rng);
        let newcomer = newcomer.expect("twelve words");
        Self::new(world, newcomer)
    }

    fn seen_as(&self) -> NetworkKey {
        self.middle.unwrap_or(self.key)
    }

    /// Connects the newcomer with a node, and lets both talk.
    fn meet(&mut self, at: usize) {
        let (as_key, peer) = (
            self.seen_as(),
            self.middle.unwrap_or(self.world.peers[at].key),
        );
        self.world.input(at, Input::PeerUp(as_key));
        self.newcomer.handle(self.world.now, Input::PeerUp(peer));
        self.pump(at);
    }

    /// Delivers what the newcomer and the node that it met have to say.
    fn pump(&mut self, at: usize) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.newcomer.poll_output() {
                quiet = false;
                match output {
                    Output::Send(to, frame) => {
                        self.sent.push((to, frame.clone()));
                        let from = self.seen_as();
                        self.world.input(at, Input::Frame(from, frame));
                    }
                    Output::Event(_, Event::LinkingChanged { linking }) => {
                        self.steps.push(linking.step);
                    }
                    Output::Penalize(_, fault) => self.faults.push(fault.reason),
                    _ => {}
                }
            }
            self.world.settle();
            let seen = self.seen_as();
            for (from, to, frame) in std::mem::take(&mut self.world.outside) {
                if to == seen {
                    quiet = false;
                    let from = self.middle.unwrap_or(self.world.peers[from].key);
                    self.newcomer
                        .handle(self.world.now, Input::Frame(from, frame));
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn settled(&mut self) -> Result<Settled, CommandError> {
        self.newcomer.settled().expect("it has come to an end")
    }

    fn refused(&mut self) -> CommandError {
        self.settled().expect_err("no account")
    }

    /// The newcomer has stored its account and starts as a node, connected with these.
    fn start(mut self, with: &[usize]) -> (World, usize) {
        let settled = self.settled().unwrap_or_else(|error| panic!("{error}"));
        self.newcomer.stored();
        self.pump(with[0]);
        let key = self.seen_as();
        for at in 0..self.world.peers.len() {
            self.world.input(at, Input::PeerDown(key));
        }
        let at = self.world.add(&settled.writes);
        assert_eq!(self.world.peers[at].key, self.key, "the same network key");
        for other in with {
            self.world.connect(at, *other);
        }
        self.world.pass(10_000);
        (self.world, at)
    }
}

fn linking(world: &mut World, at: usize) -> LinkingView {
    let view = world.snapshot(at).linking.clone();
    view.expect("a pairing is shown").as_ref().clone()
}

fn failed(step: &LinkStep) -> &str {
    match step {
        LinkStep::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

/// Two members, of whom the first shows a code.
fn shown(field: &str) -> (World, String) {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(0, "send club/general \"before\"");
    world.pass(2_000);
    let code = world.word(0, "device link", field);
    (world, code)
}

/// Changes the last word of a code to another.
fn with_another_word(code: &str) -> String {
    let (start, last) = code.rsplit_once('-').expect("a code has words");
    let other = if last == "river" { "anchor" } else { "river" };
    format!("{start}-{other}")
}

#[test]
fn a_device_is_linked_by_a_code_or_a_link_and_is_as_good_as_the_first() {
    for field in ["code", "link"] {
        let (world, code) = shown(field);
        let mut bench = Bench::by_code(world, &code);
        assert_eq!(linking(&mut bench.world, 0).step, LinkStep::Waiting);
        bench.meet(0);
        assert_eq!(bench.steps, [LinkStep::Talking]);
        let (mut world, phone) = bench.start(&[0, 1]);
        assert_eq!(linking(&mut world, 0).step, LinkStep::Done);
        assert_eq!(world.texts(phone, "club/general"), ["before"]);
        world.ok(phone, "send club/general \"from the phone\"");
        world.pass(5_000);
        for at in 0..3 {
            let history = world.history(at, "club/general");
            assert_eq!(history.len(), 2, "node {at}");
            assert_eq!(history[1].text, "from the phone");
            assert_eq!(history[0].author, history[1].author, "one account");
            assert_eq!(history[1].text, "from the phone");
        }
        assert!(world.peers.iter().all(|peer| peer.faults.is_empty()));
        // It needs nobody's help any more: the community is its own after a restart.
        world.restart(phone, 1);
        assert_eq!(world.texts(phone, "club/general").len(), 2);
    }
}

#[test]
fn a_device_comes_in_with_a_member_alone_while_the_first_device_is_away() {
    let (world, code) = shown("code");
    let mut bench = Bench::by_code(world, &code);
    bench.meet(0);
    // Ben has not heard of the device: ana is cut off from him before.
    let (mut world, phone) = bench.start(&[1]);
    assert_eq!(world.texts(phone, "club/general"), ["before"]);
    world.ok(phone, "send club/general \"hi ben\"");
    world.pass(5_000);
    assert_eq!(world.texts(1, "club/general"), ["before", "hi ben"]);
}

#[test]
fn a_third_device_is_linked_by_the_second() {
    let (world, code) = shown("code");
    let mut bench = Bench::by_code(world, &code);
    bench.meet(0);
    let (mut world, second) = bench.start(&[0, 1]);
    let code = world.word(second, "device link", "code");
    let rng = ChaCha8Rng::seed_from_u64(5);
    let newcomer = Newcomer::link(&code, "", world.now, rng).unwrap();
    let mut bench = Bench::new(world, newcomer);
    bench.meet(second);
    let (mut world, third) = bench.start(&[second, 1]);
    world.ok(third, "send club/general \"three\"");
    world.pass(5_000);
    for at in 0..4 {
        assert_eq!(world.texts(at, "club/general"), ["before", "three"], "{at}");
    }
}

#[test]
fn a_wrong_code_ends_it_and_both_sides_say_so() {
    let (world, code) = shown("code");
    let mut bench = Bench::by_code(world, &with_another_word(&code));
    bench.meet(0);
    let error = bench.refused();
    assert!(
        error.message.contains("the code is wrong, and has ended"),
        "{error}"
    );
    assert!(failed(bench.steps.last().unwrap()).contains("the code is wrong"));
    let step = linking(&mut bench.world, 0).step;
    assert!(
        failed(&step).contains("a wrong code was entered"),
        "{step:?}"
    );
    // One guess: the right code comes too late.
    let mut bench = Bench::by_code(bench.world, &code);
    bench.meet(0);
    assert!(bench.refused().message.contains("has ended"));
    // Nothing is lost: a new code works.
    let code = bench.world.word(0, "device link", "code");
    let mut bench = Bench::by_code(bench.world, &code);
    bench.meet(0);
    bench.settled().expect("the new code");
}

#[test]
fn an_expired_code_is_refused_and_both_sides_say_so() {
    let (mut world, code) = shown("code");
    world.pass(TEN_MINUTES - 1_000);
    assert_eq!(linking(&mut world, 0).step, LinkStep::Waiting);
    world.pass(2_000);
    let step = linking(&mut world, 0).step;
    assert!(failed(&step).contains("within ten minutes"), "{step:?}");
    let mut bench = Bench::by_code(world, &code);
    bench.meet(0);
    let error = bench.refused();
    assert_eq!(error.code, ErrorCode::Timeout);
    assert!(
        error.message.contains("has expired after ten minutes"),
        "{error}"
    );
}

#[test]
fn a_code_is_good_for_one_device() {
    let (world, code) = shown("code");
    let mut bench = Bench::by_code(world, &code);
    bench.meet(0);
    let (world, _) = bench.start(&[0]);
    let rng = ChaCha8Rng::seed_from_u64(6);
    let newcomer = Newcomer::link(&code, "", world.now, rng).unwrap();
    let mut bench = Bench::new(world, newcomer);
    bench.meet(0);
    assert!(bench.refused().message.contains("was used already"));
}

#[test]
fn a_man_in_the_middle_who_passes_every_frame_on_gets_nothing() {
    let (world, code) = shown("code");
    let mut bench = Bench::by_code(world, &code);
    bench.middle = Some(NetworkKey(DeviceKey::from_seed(&[66; 32]).public()));
    bench.meet(0);
    let error = bench.refused();
    assert!(error.message.contains("code is wrong"), "{error}");
    let step = linking(&mut bench.world, 0).step;
    assert!(
        failed(&step).contains("a wrong code was entered"),
        "{step:?}"
    );
}

#[test]
fn garbage_costs_its_sender_and_leaves_the_code() {
    let (world, code) = shown("code");
    let mut bench = Bench::by_code(world, &code);
    let stranger = NetworkKey([9; 32]);
    bench.world.input(0, Input::PeerUp(stranger));
    let pairing = |rest: &[u8]| Bytes::from([&[1, 17], rest].concat());
    let mut of_a_guest = vec![2, 1, 0];
    of_a_guest.extend([0xff; 33]);
    let bad = [
        pairing(&[]),
        pairing(&[3, 1]),
        pairing(&[2, 9]),
        pairing(&[2, 5, 99]),
        pairing(&of_a_guest),
        // An answer and a sealed message of somebody who never asked.
        pairing(&[&[2, 2][..], &[0x42; 33]].concat()),
        pairing(&[2, 4, 3, 1, 2, 3]),
    ];
    let count = bad.len();
    for frame in bad {
        bench.world.input(0, Input::Frame(stranger, frame));
    }
    // Who never asked has nothing open: a sealed message of a stranger while nobody is paired is let fall.
    assert_eq!(bench.world.peers[0].faults.len(), count - 1);
    assert_eq!(linking(&mut bench.world, 0).step, LinkStep::Waiting);
    bench.meet(0);
    bench.settled().expect("the code still stands");
}

#[test]
fn whoever_asks_too_often_for_one_code_is_penalised() {
    let (world, code) = shown("code");
    let mut bench = Bench::by_code(world, &code);
    for _ in 0..3 {
        let stranger = Newcomer::link(&code, "", bench.world.now, ChaCha8Rng::seed_from_u64(3));
        let mut stranger = stranger.unwrap();
        let key = NetworkKey(DeviceKey::from_seed(&stranger.network_seed()).public());
        stranger.handle(bench.world.now, Input::PeerUp(bench.world.peers[0].key));
        while let Some(output) = stranger.poll_output() {
            if let Output::Send(_, frame) = output {
                for _ in 0..2 {
                    bench.world.input(0, Input::Frame(key, frame.clone()));
                }
            }
        }
    }
    let faults = &bench.world.peers[0].faults;
    assert!(
        faults.iter().any(|fault| fault.contains("too often")),
        "{faults:?}"
    );
    bench.meet(0);
    bench.settled().expect("others are heard all the same");
}

#[test]
fn clocks_that_are_wrong_by_ten_years_lose_nothing() {
    // The host's clock is set while the code stands.
    let (mut world, code) = shown("code");
    world.now.wall = UnixMs(world.now.wall.0 + TEN_YEARS);
    let mut bench = Bench::by_code(world, &code);
    bench.meet(0);
    let error = bench.refused();
    assert!(
        error.message.contains("clock of the other side was set"),
        "{error}"
    );
    let step = linking(&mut bench.world, 0).step;
    assert!(
        failed(&step).contains("clock of this device was set"),
        "{step:?}"
    );
    let code = bench.world.word(0, "device link", "code");
    // The new device's clock is ten years behind.
    bench.world.now.wall = UnixMs(bench.world.now.wall.0);
    let rng = ChaCha8Rng::seed_from_u64(4);
    let mut behind = bench.world.now;
    behind.wall = UnixMs(behind.wall.0 - TEN_YEARS);
    let newcomer = Newcomer::link(&code, "phone", behind, rng).unwrap();
    let mut bench = Bench::new(bench.world, newcomer);
    bench.meet(0);
    let (mut world, phone) = bench.start(&[0, 1]);
    assert_eq!(world.texts(phone, "club/general"), ["before"]);
}

#[test]
fn a_device_without_room_on_its_disk_gets_a_clear_end() {
    let (mut world, code) = shown("code");
    world.peers[0].disk = Some(alloquy_core::StorageError::Full("disk".to_owned()));
    let mut bench = Bench::by_code(world, &code);
    bench.meet(0);
    assert!(
        bench.newcomer.settled().is_none(),
        "the host could not store it"
    );
    bench.world.pass(61_000);
    bench.newcomer.handle(bench.world.now, Input::Timeout);
    bench.pump(0);
    assert!(bench.refused().message.contains("fell silent"));
}

#[test]
fn a_code_that_nobody_shows_ends_the_search() {
    let (world, _) = World::club(&["ana", "ben"]);
    let mut bench = Bench::by_code(world, "7-anchor-river");
    bench.meet(0);
    bench.meet(1);
    assert!(
        bench.newcomer.settled().is_none(),
        "others may be found yet"
    );
    bench.world.pass(61_000);
    bench.newcomer.handle(bench.world.now, Input::Timeout);
    let error = bench.refused();
    assert_eq!(error.code, ErrorCode::Timeout);
    assert!(error.message.contains("one local network"), "{error}");
}

/// A member whose words are known, with another member; the second one's node is number 1.
fn with_words() -> (World, String) {
    let (mut world, _) = World::club(&["ana", KEEPS_WORDS]);
    world.ok(1, "send club/general \"mine\"");
    world.ok(0, "send club/general \"ana's\"");
    world.pass(3_000);
    let words = match world.ok(1, "recovery show") {
        Reply::Recovery { recovery_words } => recovery_words.join(" "),
        other => panic!("{other:?}"),
    };
    (world, words)
}

#[test]
fn an_account_comes_back_from_a_member_by_its_words_alone() {
    let (mut world, words) = with_words();
    // The device is gone for good.
    world.disconnect(0, 1);
    let mut bench = Bench::by_words(world, &words, &[0], OtherDevices::Revoke);
    bench.meet(0);
    let (mut world, back) = bench.start(&[0]);
    assert_eq!(world.texts(back, "club/general"), ["mine", "ana's"]);
    world.ok(back, "send club/general \"back\"");
    world.pass(5_000);
    let history = world.history(0, "club/general");
    assert_eq!(history.len(), 3);
    assert_eq!(history[0].author, history[2].author, "the same account");
    assert_eq!(
        world.snapshot(back).name,
        KEEPS_WORDS,
        "its name came from the community"
    );
    assert!(
        world.peers[0].faults.is_empty(),
        "{:?}",
        world.peers[0].faults
    );
    // The lost device turns up: it is none of the account any more.
    world.connect(0, 1);
    world.pass(5_000);
    if let Ok(reply) = world.line(1, "send club/general \"thief\"") {
        world.pass(5_000);
        assert_eq!(world.texts(0, "club/general").len(), 3, "{reply:?}");
    }
}

#[test]
fn words_bring_an_account_back_a_second_time() {
    let (mut world, words) = with_words();
    world.disconnect(0, 1);
    let mut bench = Bench::by_words(world, &words, &[0], OtherDevices::Keep);
    bench.meet(0);
    let (world, first) = bench.start(&[0]);
    let rng = ChaCha8Rng::seed_from_u64(21);
    let from = vec![(world.peers[0].key, Vec::new())];
    let newcomer = Newcomer::restore(&words, from, OtherDevices::Revoke, world.now, rng).unwrap();
    let mut bench = Bench::new(world, newcomer);
    bench.meet(0);
    let (mut world, second) = bench.start(&[0, first]);
    assert_eq!(world.texts(second, "club/general"), ["mine", "ana's"]);
}

#[test]
fn words_of_another_account_and_nobody_there_are_told_apart() {
    let (world, _) = with_words();
    let others = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    let mut bench = Bench::by_words(world, others, &[0], OtherDevices::Keep);
    bench.meet(0);
    let error = bench.refused();
    assert_eq!(error.code, ErrorCode::UnknownName);
    assert!(error.message.contains("none of the accounts"), "{error}");
    assert!(bench.world.peers[0].faults.is_empty());

    let mut bench = Bench::by_words(bench.world, others, &[0], OtherDevices::Keep);
    bench.world.pass(61_000);
    bench.newcomer.handle(bench.world.now, Input::Timeout);
    let error = bench.refused();
    assert_eq!(error.code, ErrorCode::Timeout);
    assert!(error.message.contains("nobody was reached"), "{error}");
}

#[test]
fn nobody_waits_a_minute_for_who_is_gone_beside_who_has_answered() {
    let others = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    let (world, words) = with_words();
    // Ben's old device is named too, and is gone.
    let mut bench = Bench::by_words(world, others, &[0, 1], OtherDevices::Keep);
    bench.meet(0);
    assert!(bench.newcomer.settled().is_none(), "the other may come");
    bench.world.pass(11_000);
    bench.newcomer.handle(bench.world.now, Input::Timeout);
    let error = bench.refused();
    assert_eq!(error.code, ErrorCode::UnknownName);

    let mut bench = Bench::by_words(bench.world, &words, &[0, 1], OtherDevices::Keep);
    bench.meet(0);
    assert!(
        bench.newcomer.settled().is_none(),
        "the other may know more"
    );
    let due = bench.newcomer.poll_timeout().expect("it waits for an end");
    assert!(due.0 <= bench.world.now.mono.0 + 5_000, "{due:?}");
    bench.world.now.mono = due;
    bench.newcomer.handle(bench.world.now, Input::Timeout);
    bench.settled().expect("the account is known to ana");
}

/// Ana, number 0, and cem know the same account by different communities; its device is gone.
fn known_to_two() -> (World, usize, String) {
    let (mut world, words) = with_words();
    world.found("cem");
    let cem = world.peers.len() - 1;
    world.ok(cem, "create-community other");
    world.ok(cem, "create-channel other text general");
    let invite = world.word(cem, "invite other", "invite");
    world.connect(1, cem);
    world.ok(1, &format!("join {invite}"));
    world.ok(cem, "send other/general \"from cem\"");
    world.pass(5_000);
    world.disconnect(0, 1);
    world.disconnect(1, cem);
    (world, cem, words)
}

#[test]
fn what_several_peers_give_of_an_account_is_put_together() {
    let (world, cem, words) = known_to_two();
    let mut bench = Bench::by_words(world, &words, &[0, cem], OtherDevices::Revoke);
    bench.meet(0);
    bench.meet(cem);
    let (mut world, back) = bench.start(&[0, cem]);
    assert_eq!(world.texts(back, "club/general"), ["mine", "ana's"]);
    assert_eq!(world.texts(back, "other/general"), ["from cem"]);
}

#[test]
fn on_the_local_network_the_first_who_answers_does_not_decide() {
    let (world, cem, words) = known_to_two();
    let mut bench = Bench::by_words(world, &words, &[], OtherDevices::Revoke);
    bench.meet(0);
    assert!(bench.newcomer.settled().is_none(), "others may be found");
    let due = bench.newcomer.poll_timeout().expect("it waits for an end");
    bench.world.pass(2_000);
    bench.meet(cem);
    assert!(bench.newcomer.settled().is_none(), "others may be found");
    assert_eq!(
        bench.newcomer.poll_timeout(),
        Some(due),
        "no answer makes it longer"
    );
    bench.world.now.mono = due;
    bench.newcomer.handle(bench.world.now, Input::Timeout);
    let settled = bench.settled().expect("both know the account");
    assert_eq!(settled.communities, 2);
}

#[test]
fn of_two_accounts_that_the_words_fit_none_is_chosen() {
    // The same words, in a world that begins a second later: another account.
    let mut other = World::new(&[]);
    other.pass(1_000);
    for name in ["ana", KEEPS_WORDS, "cem"] {
        other.found(name);
    }
    other.ok(2, "create-community club");
    let invite = other.word(2, "invite club", "invite");
    other.connect(1, 2);
    other.ok(1, &format!("join {invite}"));
    other.disconnect(1, 2);
    let accounts: Vec<_> = {
        let (world, _) = with_words();
        [&world, &other]
            .map(|world| world.peers[1].node.account())
            .into()
    };
    assert_ne!(accounts[0], accounts[1]);
    for lan in [true, false] {
        let (world, words) = with_words();
        let from = [world.peers[0].key, other.peers[2].key];
        let from = from
            .into_iter()
            .filter(|_| !lan)
            .map(|key| (key, Vec::new()));
        let rng = ChaCha8Rng::seed_from_u64(97);
        let others = OtherDevices::Keep;
        let newcomer = Newcomer::restore(&words, from.collect(), others, world.now, rng);
        let mut bench = Bench::new(world, newcomer.expect("twelve words"));
        bench.meet(0);
        std::mem::swap(&mut bench.world, &mut other);
        bench.meet(2);
        std::mem::swap(&mut bench.world, &mut other);
        bench.world.pass(5_000);
        bench.newcomer.handle(bench.world.now, Input::Timeout);
        let error = bench.refused();
        assert_eq!(error.code, ErrorCode::AmbiguousName);
        assert!(error.message.contains("--from"), "{error}");
        for account in &accounts {
            assert!(error.message.contains(&account.short()), "{error}");
        }
    }
}

#[test]
fn who_answers_again_keeps_nobody_waiting() {
    let others = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    let (world, _) = with_words();
    let mut bench = Bench::by_words(world, others, &[0, 1], OtherDevices::Keep);
    bench.meet(0);
    let due = bench.newcomer.poll_timeout();
    bench.world.pass(5_000);
    let ask = bench.sent[0].1.clone();
    let key = bench.key;
    bench.world.input(0, Input::Frame(key, ask));
    assert_eq!(bench.world.outside.len(), 1, "ana answers once more");
    bench.pump(0);
    assert_eq!(bench.newcomer.poll_timeout(), due);
}

#[test]
fn who_names_many_communities_leaves_room_for_what_others_name() {
    const MANY: u16 = 256;
    let (mut world, words) = with_words();
    let (club, _) = world.community(0);
    let (ana, liar) = (world.peers[0].key, NetworkKey([0; 32]));
    let rng = ChaCha8Rng::seed_from_u64(96);
    let from = vec![(ana, Vec::new()), (liar, Vec::new())];
    let newcomer = Newcomer::restore(&words, from, OtherDevices::Keep, world.now, rng);
    let mut bench = Bench::new(world, newcomer.expect("twelve words"));
    let (key, now) = (bench.key, bench.world.now);
    bench.world.input(0, Input::PeerUp(key));
    for peer in [ana, liar] {
        bench.newcomer.handle(now, Input::PeerUp(peer));
    }
    while let Some(output) = bench.newcomer.poll_output() {
        if let Output::Send(to, frame) = output
            && to == ana
        {
            bench.world.input(0, Input::Frame(key, frame));
        }
    }
    let (_, _, honest) = bench.world.outside.remove(0);
    // The same account with as many communities as an answer holds, none of which is: its list is the end of the frame.
    let at = honest.windows(32).position(|bytes| bytes == club.0);
    let list = at.expect("the community is named") - 1;
    assert_eq!(honest[list], 1, "one community is named");
    let mut lie = honest[..list].to_vec();
    lie.extend([0x80, 0x02]);
    for number in 0..MANY {
        let [high, low] = number.to_be_bytes();
        let mut id = [7; 34];
        (id[0], id[1]) = (high, low);
        // No peers, no wraps.
        (id[32], id[33]) = (0, 0);
        lie.extend(id);
    }
    for (peer, frame) in [(liar, Bytes::from(lie)), (ana, honest)] {
        bench.newcomer.handle(now, Input::Frame(peer, frame));
    }
    let settled = bench.settled().expect("both know the account");
    assert_eq!(settled.communities, usize::from(MANY));
    let named = |write: &Write| matches!(write, Write::Put(key, _) if key.windows(32).any(|bytes| bytes == club.0));
    assert!(settled.writes.iter().any(named));
}

#[test]
fn words_that_are_none_say_which_is_wrong() {
    let world = World::new(&["ana"]);
    for (words, says) in [
        ("legal winner", "2 recovery words were given, 12 are needed"),
        (
            "legal winner thank year wave sausige worth useful legal winner thank yellow",
            "word 6 is not in the English",
        ),
        (
            "winner legal thank year wave sausage worth useful legal winner thank yellow",
            "checksum",
        ),
    ] {
        let rng = ChaCha8Rng::seed_from_u64(1);
        let made = Newcomer::restore(words, Vec::new(), OtherDevices::Keep, world.now, rng);
        let error = made.expect_err(words);
        assert!(error.message.contains(says), "{error} for {words:?}");
    }
}

#[test]
fn a_proof_of_recovery_words_can_be_shown_to_nobody_else() {
    let (world, words) = with_words();
    let mut bench = Bench::by_words(world, &words, &[0], OtherDevices::Keep);
    bench.meet(0);
    bench.settled().expect("the account is known to ana");
    // Ana, or whoever heard it, shows the same proof to another node, and somebody else shows it to her.
    let (_, frame) = bench.sent[0].clone();
    let (guest, stranger) = (bench.key, NetworkKey([8; 32]));
    bench.world.outside.clear();
    bench.world.input(0, Input::Frame(stranger, frame.clone()));
    bench.world.input(1, Input::Frame(guest, frame));
    for at in [0, 1] {
        let faults = &bench.world.peers[at].faults;
        assert!(
            faults.iter().any(|fault| fault.contains("recovery proof")),
            "{faults:?}"
        );
    }
    assert!(bench.world.outside.is_empty(), "they learn nothing");
}
