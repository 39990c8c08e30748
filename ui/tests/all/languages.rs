//! The pseudo-locale: longer words in every place of the window, at the designed size, in the smallest window, and
//! there at 200 %. And English, where it was not looked at before.

use crate::fixture::{World, account};
use crate::judge::{Data, Judge, is_own, speak_pseudo};
use crate::personal_screens;
use crate::screens::{self, Screen, Size};
use crate::sheets_fixture::{invite, link, recovery_words};

/// The window as designed, the smallest one, and that at 200 %: half of its points.
const SIZES: [Size; 3] = [(1280.0, 800.0), (720.0, 480.0), (360.0, 240.0)];

/// Names that no language changes: of keys, programs, formats and licences.
const NAMES: [&str; 25] = [
    // A link where the field cuts it.
    "bcdqrst",
    "7-anchor-river",
    "alloquy://contact/…",
    "alloquy://…",
    "alloquy-node run --home",
    "aban abandon",
    "MB GB kB",
    "Alloquy",
    "IPv4, IPv6",
    // The initials of communities.
    "AD",
    "RB",
    // Signs of a completion.
    "hi",
    "Inter",
    "The Inter Project Authors",
    "JetBrains Mono",
    "JetBrains s.r.o.",
    "Twemoji",
    "Twitter and contributors",
    "Lucide Contributors",
    "SIL Open Font License 1.1",
    "CC BY 4.0",
    "ISC",
    "alloquy://join/…",
    "Ctrl+Alt+Shift+Down+Up+Left+Right+PageUp+PageDown+Home+End+Escape+Esc+Plus+Minus+Slash+Comma+Enter+Space",
    "nonsense alloquy://nonsense qqqqzzzz",
];

/// What the world says on a screen, and the person has typed.
fn data(world: &World) -> Data {
    let mut data = Data::of(&(&world.model, &world.state.governance), &NAMES);
    for composer in world.state.composers.values() {
        data.add(&composer.text);
        for unsent in &composer.unsent {
            data.add(&unsent.text);
            data.add(unsent.error.as_deref().unwrap_or_default());
        }
    }
    for typed in [&world.state.forms.link, &world.state.forms.switcher] {
        data.add(typed);
    }
    if let Some((_, Err(why))) = &world.state.forms.card {
        data.add(why);
    }
    data.add(world.state.forms.join_error.as_deref().unwrap_or_default());
    let personal = &world.state.personal;
    for typed in [
        &personal.find,
        &personal.contact,
        &personal.code,
        &personal.name,
    ] {
        data.add(typed);
    }
    for typed in personal.words.iter().chain(&personal.contact_link) {
        data.add(typed);
    }
    if let Some((_, why)) = &personal.fault {
        data.add(why);
    }
    for said in [link(), "mira".to_owned(), "é".repeat(60)] {
        data.add(&said);
    }
    data.add(&format!(
        "{} {}",
        invite(true).name,
        invite(true).inviter_name
    ));
    for word in recovery_words() {
        data.add(&word);
    }
    for invite in crate::governance::log::invites() {
        data.add(&invite.id.short());
    }
    for device in world.model.snapshot.devices.iter() {
        data.add(&device.device.short());
    }
    for number in 0..100 {
        for word in account(number).words() {
            data.add(word);
        }
    }
    for emoji in emojis::iter() {
        data.add(emoji.name());
        emoji.shortcodes().for_each(|code| data.add(code));
    }
    data
}

fn judged(screens: &[Screen], sizes: &[Size]) {
    speak_pseudo();
    let mut faults = Vec::new();
    for screen in screens {
        for size in sizes {
            let mut harness = (screen.open)(*size);
            let judge = Judge::of_pseudo(data(harness.state()));
            let name = format!("{} at {} x {}", screen.name, size.0, size.1);
            faults.extend(judge.walk(&mut harness, &name));
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn the_first_run_fits_in_longer_words() {
    judged(&screens::start(), &SIZES);
}

#[test]
fn panes_fit_in_longer_words() {
    judged(&screens::panes(), &SIZES);
}

#[test]
fn conversations_fit_in_longer_words() {
    judged(&screens::conversation(), &SIZES);
}

#[test]
fn composers_fit_in_longer_words() {
    judged(&screens::composers(), &SIZES);
}

#[test]
fn short_messages_fit_in_longer_words() {
    judged(&screens::toasts(), &SIZES);
}

#[test]
fn sheets_fit_in_longer_words() {
    judged(&screens::sheets(), &SIZES[..1]);
}

#[test]
fn sheets_fit_in_longer_words_in_the_smallest_window() {
    judged(&screens::sheets(), &SIZES[1..2]);
}

#[test]
fn sheets_fit_in_longer_words_in_the_smallest_window_at_double_size() {
    judged(&screens::sheets(), &SIZES[2..]);
}

#[test]
fn sheets_about_a_community_fit_in_longer_words() {
    judged(&crate::governance::screens::all(), &SIZES[..1]);
}

#[test]
fn sheets_about_a_community_fit_in_longer_words_in_the_smallest_window() {
    judged(&crate::governance::screens::all(), &SIZES[1..2]);
}

#[test]
fn sheets_about_a_community_fit_in_longer_words_in_the_smallest_window_at_double_size() {
    judged(&crate::governance::screens::all(), &SIZES[2..]);
}

#[test]
fn sheets_in_other_states_fit_in_longer_words() {
    judged(&screens::more_sheets(), &SIZES);
}

#[test]
fn sheets_in_still_other_states_fit_in_longer_words() {
    judged(&screens::most_sheets(), &SIZES);
}

#[test]
fn connections_in_every_state_fit_in_longer_words() {
    judged(&crate::connections::screens(), &SIZES[1..]);
}

#[test]
fn conversations_of_people_fit_in_longer_words() {
    judged(&personal_screens::panes(), &SIZES);
}

#[test]
fn coming_back_fits_in_longer_words() {
    judged(&personal_screens::comeback(), &SIZES);
}

#[test]
fn sheets_about_oneself_fit_in_longer_words() {
    judged(&personal_screens::sheets(), &SIZES[..1]);
}

#[test]
fn sheets_about_oneself_fit_in_longer_words_in_the_smallest_window() {
    judged(&personal_screens::sheets(), &SIZES[1..2]);
}

#[test]
fn sheets_about_oneself_fit_in_longer_words_in_the_smallest_window_at_double_size() {
    judged(&personal_screens::sheets(), &SIZES[2..]);
}

#[test]
fn sheets_about_people_in_other_states_fit_in_longer_words() {
    judged(&personal_screens::more_sheets(), &SIZES);
}

#[test]
fn sheets_about_devices_in_other_states_fit_in_longer_words() {
    judged(&personal_screens::most_sheets(), &SIZES);
}

#[test]
fn coming_back_and_conversations_are_reached_in_the_smallest_window_at_double_size() {
    judged_in_english(&personal_screens::comeback());
    judged_in_english(&personal_screens::panes());
}

/// In English too, at 200 % in the smallest window.
fn judged_in_english(screens: &[Screen]) {
    let mut faults = Vec::new();
    for screen in screens {
        let mut harness = (screen.open)(SIZES[2]);
        let judge = Judge::of_english(data(harness.state()));
        faults.extend(judge.walk(&mut harness, &screen.name));
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn the_first_run_is_reached_in_the_smallest_window_at_double_size() {
    judged_in_english(&screens::start());
}

#[test]
fn rail_and_channels_are_reached_in_the_smallest_window_at_double_size() {
    judged_in_english(&screens::panes());
}

#[test]
fn voice_fits_in_longer_words() {
    judged(&crate::voice::screens::panes(), &SIZES);
}

#[test]
fn settings_about_voice_fit_in_longer_words() {
    judged(&crate::voice::screens::sheets(), &SIZES);
}

#[test]
fn voice_is_reached_in_the_smallest_window_at_double_size() {
    judged_in_english(&crate::voice::screens::panes());
    judged_in_english(&crate::voice::screens::sheets());
}

#[test]
fn the_pseudo_locale_is_longer_and_leaves_names_alone() {
    speak_pseudo();
    let harness = crate::fixture::open(screens::names());
    let mut labels = egui_kittest::kittest::NodeT::children_recursive(&harness.root());
    let found = labels.find_map(|node| {
        let label = egui_kittest::kittest::NodeT::accesskit_node(&node).label()?;
        (label.contains("Alloquy dev") && is_own(&label)).then_some(label)
    });
    let found = found.unwrap();
    let english = "Alloquy dev, menu of the community";
    let longer = found.chars().count() as f32 / english.chars().count() as f32;
    assert!(longer > 1.25, "{found}");
}
