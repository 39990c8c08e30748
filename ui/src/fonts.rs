//! The bundled fonts, so that every machine shows the same: Inter, JetBrains Mono, Twemoji and Lucide's icons.
//! Whatever they lack (Chinese, Japanese, Korean, Arabic ..) comes from the system's fonts, where the
//! application lets it.

use std::sync::Arc;

use egui::{FontData, FontDefinitions, FontFamily};

/// Inter Regular.
#[must_use]
pub fn regular() -> FontFamily {
    FontFamily::Proportional
}

/// Inter Medium.
#[must_use]
pub fn medium() -> FontFamily {
    FontFamily::Name("medium".into())
}

/// Inter SemiBold.
#[must_use]
pub fn semibold() -> FontFamily {
    FontFamily::Name("semibold".into())
}

/// Inter Bold.
#[must_use]
pub fn bold() -> FontFamily {
    FontFamily::Name("bold".into())
}

/// Inter Italic.
#[must_use]
pub fn italic() -> FontFamily {
    FontFamily::Name("italic".into())
}

/// JetBrains Mono.
#[must_use]
pub fn mono() -> FontFamily {
    FontFamily::Monospace
}

/// Twemoji before everything else: for clusters that are shown as emoji.
#[must_use]
pub fn emoji() -> FontFamily {
    FontFamily::Name("emoji".into())
}

/// Lucide's icons.
#[must_use]
pub fn icons() -> FontFamily {
    FontFamily::Name("icons".into())
}

const FILES: [(&str, &[u8]); 8] = [
    ("Inter", include_bytes!("../assets/fonts/Inter-Regular.otf")),
    (
        "Inter Medium",
        include_bytes!("../assets/fonts/Inter-Medium.otf"),
    ),
    (
        "Inter SemiBold",
        include_bytes!("../assets/fonts/Inter-SemiBold.otf"),
    ),
    (
        "Inter Bold",
        include_bytes!("../assets/fonts/Inter-Bold.otf"),
    ),
    (
        "Inter Italic",
        include_bytes!("../assets/fonts/Inter-Italic.otf"),
    ),
    (
        "JetBrains Mono",
        include_bytes!("../assets/fonts/JetBrainsMono-Regular.ttf"),
    ),
    ("Twemoji", include_bytes!("../assets/fonts/Twemoji.ttf")),
    ("Lucide", lucide_icons::LUCIDE_FONT_BYTES),
];

/// Which fonts each family asks, in order.
#[must_use]
pub fn definitions() -> FontDefinitions {
    let family = |first: &str| {
        let mut names = vec![first.to_owned()];
        for next in ["Inter", "Twemoji", "JetBrains Mono"] {
            if first != next {
                names.push(next.to_owned());
            }
        }
        names
    };
    FontDefinitions {
        font_data: FILES
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), Arc::new(FontData::from_static(bytes))))
            .collect(),
        families: [
            (regular(), family("Inter")),
            (medium(), family("Inter Medium")),
            (semibold(), family("Inter SemiBold")),
            (bold(), family("Inter Bold")),
            (italic(), family("Inter Italic")),
            (mono(), family("JetBrains Mono")),
            (emoji(), family("Twemoji")),
            (icons(), vec!["Lucide".to_owned(), "Inter".to_owned()]),
        ]
        .into(),
    }
}

/// Gives a context the fonts. Once, before its first frame.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(definitions());
}
