//! One machine against another, or against made-up packets: what is sent, heard and told.

use std::time::{Duration, Instant};

use alloquy_api::voice::{LinkStage, LinkView, MediaLink, MediaReport, MediaTask};
use alloquy_ids::{AccountId, DeviceId};
use alloquy_media::limits::TICK_SAMPLES;
use alloquy_media::machine::Action;
use alloquy_media::profile::State;
use alloquy_media::settings::{Activity, Settings, Transmit};
use alloquy_media::transport::{Feedback, TransportEvent, VoicePacket};
use alloquy_media::trial::{Impairment, Run, Trial};
use bytes::Bytes;

use crate::signal::{energy, voice};

const SECOND: usize = 48_000;

/// Runs for so many seconds with a voice at the first machine.
fn go(run: &mut Run, seconds: usize, seed: u32) -> Vec<f32> {
    let from = run.sides[1].heard.len();
    for tick in voice(seed, seconds).chunks(TICK_SAMPLES) {
        run.tick(tick, &[]);
    }
    run.sides[1].heard[from..].to_vec()
}

fn task(run: &mut Run, side: usize, task: MediaTask) {
    let now = run.now();
    run.sides[side].machine.task(now, task);
}

/// The last view that a side told.
fn view(run: &Run, side: usize) -> LinkView {
    let views = run.sides[side].reports.iter().rev();
    views
        .clone()
        .find_map(|(_, report)| match report {
            MediaReport::Link(_, view) => Some(view.clone()),
            _ => None,
        })
        .unwrap()
}

#[test]
fn muted_is_silent_but_alive_and_notices_speech() {
    let mut run = Trial::default().start().unwrap();
    assert!(energy(&go(&mut run, 2, 1)) > 1e-3);
    task(&mut run, 0, MediaTask::Send(false));
    go(&mut run, 1, 1);
    let reported = run.sides[0].reports.len();
    assert!(energy(&go(&mut run, 4, 1)) < 1e-9);
    assert_eq!(
        view(&run, 1).reason.unwrap(),
        "no sound from them for 2 s: they are muted or silent"
    );
    assert_eq!(view(&run, 1).stage, LinkStage::Audio);
    let stats = run.sides[1].stats().last().unwrap();
    assert!((20..80).contains(&stats.bytes_in), "{stats:?}");
    assert_eq!((stats.lost_in, stats.concealed_ms), (0, 0));
    // Speech was told before, and silence has not been since.
    let told = |reports: &[(u64, MediaReport)]| -> Vec<bool> {
        let speaking = reports.iter().filter_map(|(_, report)| match report {
            MediaReport::Speaking(speaking) => Some(*speaking),
            _ => None,
        });
        speaking.collect()
    };
    assert_eq!(told(&run.sides[0].reports[..reported]).last(), Some(&true));
    task(&mut run, 0, MediaTask::Send(true));
    assert!(energy(&go(&mut run, 2, 1)) > 1e-3);
    assert_eq!(view(&run, 1).reason, None);
}

#[test]
fn nothing_arriving_is_told_apart_from_silence() {
    let mut run = Trial::default().start().unwrap();
    go(&mut run, 2, 2);
    assert_eq!(
        view(&run, 1),
        LinkView {
            stage: LinkStage::Audio,
            ..LinkView::default()
        }
    );
    run.impair(Impairment {
        loss: 1.0,
        ..Impairment::default()
    });
    go(&mut run, 4, 2);
    let view = view(&run, 1);
    assert_eq!(
        view.reason.unwrap(),
        "no sound from them for 2 s: nothing arrives"
    );
    assert_eq!(view.stage, LinkStage::Open);
}

#[test]
fn who_is_not_to_be_heard_is_not_heard() {
    let mut run = Trial::default().start().unwrap();
    let link = run.sides[1].link;
    assert!(energy(&go(&mut run, 2, 3)) > 1e-3);
    task(&mut run, 1, MediaTask::Heard(link, false));
    assert_eq!(energy(&go(&mut run, 2, 3)), 0.0);
    task(&mut run, 1, MediaTask::Heard(link, true));
    assert!(energy(&go(&mut run, 2, 3)) > 1e-3);
    task(&mut run, 1, MediaTask::Hear(false));
    assert_eq!(energy(&go(&mut run, 2, 3)), 0.0);
    task(&mut run, 1, MediaTask::Hear(true));
    assert!(energy(&go(&mut run, 2, 3)) > 1e-3);
    task(&mut run, 1, MediaTask::Disconnect(link));
    assert_eq!(energy(&go(&mut run, 1, 3)), 0.0);
    let speaking = run.sides[1]
        .reports
        .iter()
        .rev()
        .find_map(|(_, report)| match report {
            MediaReport::PeerSpeaking(_, speaking) => Some(*speaking),
            _ => None,
        });
    assert_eq!(speaking, Some(false));
}

#[test]
fn volume_is_by_account_and_at_most_doubles() {
    let loud = |percent: Option<u8>| {
        let mut run = Trial::default().start().unwrap();
        if let Some(percent) = percent {
            task(&mut run, 1, MediaTask::Volume(AccountId([1; 32]), percent));
        }
        task(&mut run, 1, MediaTask::Volume(AccountId([7; 32]), 0));
        // Quiet, so that the soft clipping leaves it as it is.
        for tick in voice(4, 3).chunks(TICK_SAMPLES) {
            let quiet: Vec<f32> = tick.iter().map(|sample| sample * 0.3).collect();
            run.tick(&quiet, &[]);
        }
        energy(&run.sides[1].heard[SECOND..])
    };
    let plain = loud(None);
    assert!((loud(Some(50)) / plain - 0.25).abs() < 0.01);
    assert_eq!(loud(Some(0)), 0.0);
    let double = loud(Some(200)) / plain;
    assert!((3.9..4.01).contains(&double), "{double}");
    assert_eq!(loud(Some(255)), loud(Some(200)));
}

#[test]
fn push_to_talk_sends_while_it_is_pressed() {
    let settings = Settings {
        transmit: Transmit::PushToTalk,
        ..Settings::untouched()
    };
    let trial = Trial {
        settings: settings.clone(),
        ..Trial::default()
    };
    let mut run = trial.start().unwrap();
    assert!(energy(&go(&mut run, 2, 6)) < 1e-9);
    run.sides[0].machine.set(Settings {
        pressed: true,
        ..settings
    });
    assert!(energy(&go(&mut run, 2, 6)) > 1e-3);
}

#[test]
fn a_person_s_settings_let_speech_through_and_stop_noise() {
    let settings = Settings {
        activity: Activity::Speech(50),
        ..Settings::default()
    };
    let trial = Trial {
        settings,
        ..Trial::default()
    };
    let mut run = trial.start().unwrap();
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / 8_388_608.0 - 1.0) * 0.01
    };
    for _ in 0..500 {
        let tick: Vec<f32> = (0..TICK_SAMPLES).map(|_| noise()).collect();
        run.tick(&tick, &[]);
    }
    let sent: u32 = run.sides[1]
        .stats()
        .skip(2)
        .map(|stats| stats.bytes_in)
        .sum();
    assert!(sent < 600, "{sent} bytes of noise");
}

#[test]
fn the_profile_follows_the_receivers() {
    let mut run = Trial::default().start().unwrap();
    go(&mut run, 13, 7);
    assert_eq!(run.sides[0].machine.state(), State::Clean);
    run.impair(Impairment {
        loss: 0.2,
        ..Impairment::default()
    });
    go(&mut run, 6, 7);
    assert_eq!(run.sides[0].machine.state(), State::VeryLossy);
    run.impair(Impairment::default());
    let from = run.sides[0].states.len();
    go(&mut run, 22, 7);
    let states = &run.sides[0].states[from..];
    let changes = states.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!(run.sides[0].machine.state(), State::Clean);
    assert!(changes <= 2, "{changes}");
}

#[test]
fn an_uplink_that_is_full_gets_less() {
    let mut run = Trial {
        there: Impairment {
            rate: Some(40_000),
            ..Impairment::default()
        },
        ..Trial::default()
    }
    .start()
    .unwrap();
    go(&mut run, 25, 8);
    let states: Vec<State> = run.sides[0].states.clone();
    let starved = states.iter().position(|state| *state == State::Starved);
    assert!(starved.is_some());
    // It takes ten seconds to fall to what gets through; a better state is tried once after that, and costs little.
    let later: Vec<u16> = run.sides[1]
        .stats()
        .skip(11)
        .map(|stats| stats.lost_in)
        .collect();
    let mean = later.iter().map(|lost| u32::from(*lost)).sum::<u32>() / later.len() as u32;
    assert!(mean < 60, "{later:?}");
    assert!(later.iter().all(|lost| *lost < 250), "{later:?}");
}

#[test]
fn malformed_packets_and_unknown_links_do_no_harm() {
    let mut run = Trial::default().start().unwrap();
    go(&mut run, 1, 9);
    let link = run.sides[1].link;
    let now = run.now();
    let stranger = MediaLink {
        device: DeviceId([77; 32]),
        attempt: 5,
    };
    for (red, bytes) in [
        (true, vec![0xff; 900]),
        (false, vec![0xff; 40]),
        (true, vec![]),
        (false, vec![0; 2_000]),
    ] {
        let packet = VoicePacket {
            sequence: 1,
            timestamp: 5,
            marker: true,
            red,
            payload: Bytes::from(bytes),
        };
        for link in [link, stranger] {
            let event = TransportEvent::Packet(link, packet.clone(), now);
            run.sides[1].machine.event(now, event);
        }
    }
    let feedback = Feedback {
        round_trip_ms: Some(f32::NAN),
        lost: f32::INFINITY,
    };
    run.sides[1]
        .machine
        .event(now, TransportEvent::Feedback(link, feedback));
    assert!(run.sides[1].machine.malformed(link) >= 3);
    assert!(energy(&go(&mut run, 2, 9)) > 1e-3);
}

#[test]
fn a_later_attempt_ends_the_one_before_and_rooms_have_a_limit() {
    let mut run = Trial::default().start().unwrap();
    let machine = &mut run.sides[0].machine;
    let now = Instant::now() + Duration::from_secs(1);
    let connect = |n: u8, attempt| MediaTask::Connect {
        link: MediaLink {
            device: DeviceId([n; 32]),
            attempt,
        },
        account: AccountId([n; 32]),
        offers: true,
        heard: true,
    };
    machine.task(now, connect(2, 2));
    let mut actions = std::iter::from_fn(|| machine.poll())
        .filter(|action| !matches!(action, Action::Report(_) | Action::Ice(_)));
    let old = MediaLink {
        device: DeviceId([2; 32]),
        attempt: 1,
    };
    let first = actions.find(|action| matches!(action, Action::Close(_)));
    assert_eq!(first, Some(Action::Close(old)));
    drop(actions);
    for n in 3..200 {
        machine.task(now, connect(n, 1));
    }
    let made = std::iter::from_fn(|| machine.poll())
        .filter(|action| matches!(action, Action::Connect { .. }))
        .count();
    assert!(made <= 64, "{made}");
    machine.task(now, MediaTask::Leave);
    assert!(std::iter::from_fn(|| machine.poll()).any(|action| action == Action::CloseAll));
    assert!(!machine.in_room());
}

/// After how many ticks of speech it is heard, where a quiet room and a clap came before.
fn onset(never_rests: bool) -> usize {
    let settings = Settings {
        transmit: Transmit::Activity,
        monitor: never_rests,
        ..Settings::default()
    };
    let mut run = Trial {
        settings,
        ..Trial::default()
    }
    .start()
    .unwrap();
    let hiss: Vec<f32> = (0..SECOND as u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 16) as f32 / 32_768.0 - 1.0)
        .collect();
    let quiet: Vec<f32> = hiss.iter().map(|sample| sample * 0.002).collect();
    let clap: Vec<f32> = hiss[..SECOND / 10]
        .iter()
        .map(|sample| sample * 0.4)
        .collect();
    let room = |run: &mut Run, ticks: usize| {
        for tick in quiet.chunks(TICK_SAMPLES).cycle().take(ticks) {
            run.tick(tick, &[]);
        }
    };
    room(&mut run, 1_500);
    clap.chunks(TICK_SAMPLES)
        .for_each(|tick| run.tick(tick, &[]));
    room(&mut run, 450);
    let heard = go(&mut run, 3, 5);
    let mut heard = heard.chunks(TICK_SAMPLES);
    heard
        .position(|tick| energy(tick) > 1e-5)
        .expect("speech is heard")
}

#[test]
fn speech_after_a_long_silence_is_heard_as_early_as_if_all_of_that_had_been_processed() {
    let (rested, worked) = (onset(false), onset(true));
    assert!(
        rested <= worked + 2,
        "{rested} ticks, {worked} without a rest"
    );
}
