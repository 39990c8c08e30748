//! Colours, sizes and type. No colour and no size is named anywhere else in this crate.

mod palette;

use egui::{Color32, Context, CornerRadius, FontId, Margin, Stroke, Vec2};

pub use palette::Palette;

use crate::fonts;
use crate::settings::{Settings, ThemeChoice};

/// Width of the rail of communities.
pub const RAIL_WIDTH: f32 = 72.0;
/// Width of the list of channels.
pub const SIDE_WIDTH: f32 = 248.0;
/// Width of the list of members.
pub const MEMBERS_WIDTH: f32 = 240.0;
/// Width of the pane of a thread.
pub const THREAD_WIDTH: f32 = 380.0;
/// Width of the narrowest conversation: some words on a line. Below it, one pane is shown instead of two.
pub const CONVERSATION_MIN: f32 = 240.0;
/// Height of a pane's head.
pub const HEADER_HEIGHT: f32 = 48.0;
/// Height of a row of a list.
pub const ROW_HEIGHT: f32 = 34.0;
/// Side of the smallest thing to be hit.
pub const HIT_MIN: f32 = 32.0;
/// Below this width of the window the members become a sheet.
pub const MEMBERS_BESIDE_FROM: f32 = 900.0;
/// Below this width of the window the list of channels becomes an overlay.
pub const SIDE_BESIDE_FROM: f32 = 760.0;
/// Smallest window.
pub const WINDOW_MIN: Vec2 = Vec2::new(720.0, 480.0);
/// Window at the first start.
pub const WINDOW_DEFAULT: Vec2 = Vec2::new(1280.0, 800.0);

/// Spaces between things, in points.
pub mod space {
    /// Between an icon and its word.
    pub const XS: f32 = 4.0;
    /// Inside of a row.
    pub const S: f32 = 8.0;
    /// Between rows of a card.
    pub const M: f32 = 12.0;
    /// Around the contents of a pane.
    pub const L: f32 = 16.0;
    /// Between groups.
    pub const XL: f32 = 24.0;
    /// Around the contents of a page.
    pub const XXL: f32 = 32.0;
}

/// Radii of corners, in points.
pub mod radius {
    /// Chips and code.
    pub const CHIP: u8 = 4;
    /// Rows, fields and buttons.
    pub const ROW: u8 = 6;
    /// Cards and popups.
    pub const CARD: u8 = 8;
    /// Dialogs and sheets.
    pub const DIALOG: u8 = 12;
}

/// The fonts of each kind of text.
pub mod font {
    use egui::FontId;

    use crate::fonts;

    /// Question of a page that asks one thing.
    #[must_use]
    pub fn display() -> FontId {
        FontId::new(26.0, fonts::semibold())
    }
    /// Heading of a page.
    #[must_use]
    pub fn h1() -> FontId {
        FontId::new(20.0, fonts::semibold())
    }
    /// Title of a pane or a card.
    #[must_use]
    pub fn title() -> FontId {
        FontId::new(16.0, fonts::semibold())
    }
    /// Text of a message, on lines of [`MESSAGE_LINE`].
    #[must_use]
    pub fn message() -> FontId {
        FontId::new(15.0, fonts::regular())
    }
    /// Name above a message.
    #[must_use]
    pub fn name() -> FontId {
        FontId::new(15.0, fonts::semibold())
    }
    /// Buttons, rows, fields.
    #[must_use]
    pub fn control() -> FontId {
        FontId::new(14.0, fonts::medium())
    }
    /// Rows that want attention.
    #[must_use]
    pub fn control_strong() -> FontId {
        FontId::new(14.0, fonts::semibold())
    }
    /// Explanations.
    #[must_use]
    pub fn secondary() -> FontId {
        FontId::new(13.0, fonts::regular())
    }
    /// Times, counts, headings of lists.
    #[must_use]
    pub fn meta() -> FontId {
        FontId::new(12.0, fonts::medium())
    }
    /// Counts in badges.
    #[must_use]
    pub fn badge() -> FontId {
        FontId::new(11.0, fonts::semibold())
    }
    /// Emoji of a message without words.
    #[must_use]
    pub fn large_emoji() -> FontId {
        FontId::new(32.0, fonts::regular())
    }
    /// Emoji to choose from.
    #[must_use]
    pub fn emoji_choice() -> FontId {
        FontId::new(24.0, fonts::regular())
    }
    /// Code.
    #[must_use]
    pub fn code() -> FontId {
        FontId::new(13.5, fonts::mono())
    }
    /// An icon of this size.
    #[must_use]
    pub fn icon(size: f32) -> FontId {
        FontId::new(size, fonts::icons())
    }

    /// Height of a line of a message, in points.
    pub const MESSAGE_LINE: f32 = 22.0;
}

/// How long things move, in seconds; all zero with reduced motion.
pub mod motion {
    /// Hover.
    pub const FAST: f32 = 0.08;
    /// Popups.
    pub const MEDIUM: f32 = 0.12;
    /// Sheets.
    pub const SLOW: f32 = 0.16;
}

/// The palette in use.
#[must_use]
pub fn palette(ui: &egui::Ui) -> &'static Palette {
    Palette::of(ui.visuals().dark_mode)
}

/// A colour for names and avatars: one of twelve hues by the first byte of the account's id, at 4.5:1 or more
/// against every surface that names stand on, in both themes (WCAG 2.2, 1.4.3).
#[must_use]
pub fn name_color(dark: bool, key: &[u8; 32]) -> Color32 {
    palette::NAMES[usize::from(!dark)][usize::from(key[0]) % palette::NAMES[0].len()]
}

/// Makes the context look as the settings say. Cheap when nothing changed.
pub fn apply(ctx: &Context, settings: &Settings) {
    let theme = match settings.theme {
        ThemeChoice::System => egui::ThemePreference::System,
        ThemeChoice::Dark => egui::ThemePreference::Dark,
        ThemeChoice::Light => egui::ThemePreference::Light,
    };
    ctx.set_theme(theme);
    ctx.set_style_of(egui::Theme::Dark, style(&palette::DARK, true, settings));
    ctx.set_style_of(egui::Theme::Light, style(&palette::LIGHT, false, settings));
    if (ctx.zoom_factor() - settings.zoom).abs() > f32::EPSILON {
        ctx.set_zoom_factor(settings.zoom);
    }
}

fn style(palette: &Palette, dark: bool, settings: &Settings) -> egui::Style {
    let mut style = egui::Style {
        visuals: visuals(palette, dark),
        animation_time: if settings.reduced_motion {
            0.0
        } else {
            motion::FAST
        },
        ..egui::Style::default()
    };
    use egui::TextStyle as T;
    style.text_styles = [
        (T::Heading, font::h1()),
        (T::Body, font::control()),
        (T::Button, font::control()),
        (T::Small, font::meta()),
        (T::Monospace, font::code()),
    ]
    .into();
    style.spacing.item_spacing = Vec2::splat(space::S);
    style.spacing.button_padding = Vec2::new(space::M, space::S);
    style.spacing.interact_size = Vec2::new(HIT_MIN, HIT_MIN);
    style.spacing.menu_margin = Margin::same(6);
    style.spacing.window_margin = Margin::same(16);
    style.spacing.scroll = egui::style::ScrollStyle::floating();
    style.spacing.scroll.bar_width = 8.0;
    style.spacing.scroll.floating_width = 4.0;
    style.spacing.tooltip_width = 320.0;
    style.interaction.tooltip_delay = 0.35;
    style.interaction.selectable_labels = false;
    style.url_in_tooltip = true;
    style
}

fn visuals(palette: &Palette, dark: bool) -> egui::Visuals {
    let mut visuals = if dark {
        egui::Visuals::dark()
    } else {
        egui::Visuals::light()
    };
    visuals.panel_fill = palette.chat;
    visuals.window_fill = palette.raised;
    visuals.extreme_bg_color = palette.field;
    visuals.faint_bg_color = palette.hover;
    visuals.code_bg_color = palette.code;
    visuals.window_corner_radius = CornerRadius::same(radius::DIALOG);
    visuals.menu_corner_radius = CornerRadius::same(radius::CARD);
    visuals.window_stroke = Stroke::new(1.0, palette.line);
    visuals.hyperlink_color = palette.accent_text;
    visuals.selection.bg_fill = palette.accent.gamma_multiply(0.45);
    visuals.selection.stroke = Stroke::new(1.0, palette.accent_text);
    visuals.warn_fg_color = palette.warn;
    visuals.error_fg_color = palette.danger;
    visuals.override_text_color = None;
    // A blinking cursor is two frames a second for ever: it stays on.
    visuals.text_cursor.blink = false;
    visuals.widgets = widgets(palette);
    visuals
}

fn widgets(palette: &Palette) -> egui::style::Widgets {
    let state = |fill: Color32, text: Color32| egui::style::WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::NONE,
        corner_radius: CornerRadius::same(radius::ROW),
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    let mut noninteractive = state(palette.raised, palette.text);
    noninteractive.bg_stroke = Stroke::new(1.0, palette.line);
    egui::style::Widgets {
        noninteractive,
        inactive: state(palette.raised, palette.text),
        hovered: state(palette.hover, palette.text_strong),
        active: state(palette.active, palette.text_strong),
        open: state(palette.active, palette.text_strong),
    }
}

/// The ring around whatever has the keyboard's focus.
#[must_use]
pub fn focus_ring(palette: &Palette) -> Stroke {
    Stroke::new(2.0, palette.accent_text)
}

/// The shadow under what lies above everything else.
#[must_use]
pub fn shadow(palette: &Palette) -> egui::Shadow {
    egui::Shadow {
        offset: [0, 8],
        blur: 32,
        spread: 0,
        color: palette.shade,
    }
}

/// The height of one line in a font, in points.
#[must_use]
pub fn line_height(ui: &egui::Ui, font: &FontId) -> f32 {
    ui.ctx().fonts_mut(|fonts| fonts.row_height(font))
}

/// Makes a context ready: fonts first, then the style.
pub fn install(ctx: &Context, settings: &Settings) {
    fonts::install(ctx);
    apply(ctx, settings);
}
