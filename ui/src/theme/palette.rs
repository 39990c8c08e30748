//! The colours of both themes.

use egui::Color32;

/// The colours of one theme, by what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name says what the colour is for")]
pub struct Palette {
    pub rail: Color32,
    pub side: Color32,
    pub chat: Color32,
    pub raised: Color32,
    pub field: Color32,
    pub code: Color32,
    pub hover: Color32,
    pub active: Color32,
    pub line: Color32,
    pub text_strong: Color32,
    pub text: Color32,
    pub text_dim: Color32,
    pub text_faint: Color32,
    pub accent: Color32,
    pub accent_text: Color32,
    pub on_accent: Color32,
    pub ok: Color32,
    pub warn: Color32,
    pub danger: Color32,
    pub danger_fill: Color32,
    pub mention: Color32,
    pub shade: Color32,
}

impl Palette {
    /// The palette of the dark or the light theme.
    #[must_use]
    pub const fn of(dark: bool) -> &'static Self {
        if dark { &DARK } else { &LIGHT }
    }
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

pub(super) static DARK: Palette = Palette {
    rail: rgb(0x0E_1116),
    side: rgb(0x15_1920),
    chat: rgb(0x1A_1F27),
    raised: rgb(0x23_2A36),
    field: rgb(0x23_2A36),
    code: rgb(0x13_171E),
    hover: rgb(0x26_2D3A),
    active: rgb(0x30_3A4B),
    line: rgb(0x2A_313D),
    text_strong: rgb(0xF2_F4F8),
    text: rgb(0xD5_DAE3),
    text_dim: rgb(0x9A_A4B5),
    text_faint: rgb(0x82_8CA0),
    accent: rgb(0x44_68F2),
    accent_text: rgb(0x93_B2FF),
    on_accent: rgb(0xFF_FFFF),
    ok: rgb(0x3F_B77F),
    warn: rgb(0xE6_A23C),
    danger: rgb(0xF0_616D),
    danger_fill: rgb(0xC6_303C),
    mention: rgb(0x2B_2A24),
    shade: Color32::from_rgba_premultiplied(0, 0, 0, 150),
};

pub(super) static LIGHT: Palette = Palette {
    rail: rgb(0xE4_E7EC),
    side: rgb(0xF1_F3F6),
    chat: rgb(0xFF_FFFF),
    raised: rgb(0xF6_F7F9),
    field: rgb(0xF1_F3F6),
    code: rgb(0xF1_F3F6),
    hover: rgb(0xE9_ECF1),
    active: rgb(0xDC_E3F0),
    line: rgb(0xD9_DEE6),
    text_strong: rgb(0x10_141B),
    text: rgb(0x2B_323E),
    text_dim: rgb(0x5A_6475),
    text_faint: rgb(0x63_6C7B),
    accent: rgb(0x31_57E0),
    accent_text: rgb(0x2A_4CCB),
    on_accent: rgb(0xFF_FFFF),
    ok: rgb(0x16_784A),
    warn: rgb(0x95_5A00),
    danger: rgb(0xC6_303C),
    danger_fill: rgb(0xC6_303C),
    mention: rgb(0xFD_F4DC),
    shade: Color32::from_rgba_premultiplied(0, 0, 0, 90),
};

/// Twelve hues for names, for the dark theme and for the light one.
pub(super) static NAMES: [[Color32; 12]; 2] = [
    [
        rgb(0xF2_8B94),
        rgb(0xF0_9A6B),
        rgb(0xE0_B050),
        rgb(0xB9_C155),
        rgb(0x86_C97A),
        rgb(0x58_CBA4),
        rgb(0x54_C6CF),
        rgb(0x6D_B9F2),
        rgb(0x93_B2FF),
        rgb(0xB5_A4FA),
        rgb(0xD9_99EC),
        rgb(0xF0_93C6),
    ],
    [
        rgb(0xB3_2A38),
        rgb(0xA0_4A10),
        rgb(0x85_5A00),
        rgb(0x60_6A00),
        rgb(0x2C_7330),
        rgb(0x0B_7357),
        rgb(0x0A_6F7A),
        rgb(0x16_67A6),
        rgb(0x2A_4CCB),
        rgb(0x5D_45C2),
        rgb(0x8A_35A3),
        rgb(0xA8_2F78),
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: Color32) -> f64 {
        let channel = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
    }

    /// Contrast of two opaque colours, as WCAG 2.2 defines it.
    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_reads_on_every_surface_that_it_stands_on() {
        for (theme, palette) in [("dark", &DARK), ("light", &LIGHT)] {
            let surfaces = [
                ("rail", palette.rail),
                ("side", palette.side),
                ("chat", palette.chat),
                ("raised", palette.raised),
                ("field", palette.field),
                ("code", palette.code),
                ("hover", palette.hover),
            ];
            let texts = [
                ("strong", palette.text_strong),
                ("text", palette.text),
                ("dim", palette.text_dim),
                ("accent", palette.accent_text),
            ];
            for (surface, below) in surfaces {
                for (text, above) in texts {
                    let reached = contrast(above, below);
                    assert!(
                        reached >= 4.5,
                        "{theme}: {text} on {surface} is {reached:.2}:1"
                    );
                }
            }
            for (surface, below) in [("side", palette.side), ("chat", palette.chat)] {
                for (text, above) in [
                    ("faint", palette.text_faint),
                    ("ok", palette.ok),
                    ("warn", palette.warn),
                    ("danger", palette.danger),
                ] {
                    let reached = contrast(above, below);
                    assert!(
                        reached >= 4.5,
                        "{theme}: {text} on {surface} is {reached:.2}:1"
                    );
                }
            }
            for (surface, below) in [("accent", palette.accent), ("danger", palette.danger_fill)] {
                let reached = contrast(palette.on_accent, below);
                assert!(
                    reached >= 4.5,
                    "{theme}: white on {surface} is {reached:.2}:1"
                );
            }
            for (what, above) in [("strong", palette.text_strong), ("text", palette.text)] {
                for (surface, below) in [("active", palette.active), ("mention", palette.mention)] {
                    let reached = contrast(above, below);
                    assert!(
                        reached >= 4.5,
                        "{theme}: {what} on {surface} is {reached:.2}:1"
                    );
                }
            }
        }
    }

    #[test]
    fn every_name_reads_where_names_stand() {
        for (names, palette) in NAMES.iter().zip([&DARK, &LIGHT]) {
            for (place, name) in names.iter().enumerate() {
                for below in [palette.chat, palette.side, palette.hover, palette.mention] {
                    let reached = contrast(*name, below);
                    assert!(
                        reached >= 4.5,
                        "name {place} is {reached:.2}:1 on {below:?}"
                    );
                }
            }
        }
    }
}
