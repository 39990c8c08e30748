//! The window's own texts: messages of `locales/en`, put together by fluent, of which the build script makes a
//! function each. Texts of the node and of people are not here.
//!
//! A text without arguments is put together once for a language; one with arguments takes about a microsecond.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

/// The texts, each a function of its arguments.
pub(crate) mod say {
    include!(concat!(env!("OUT_DIR"), "/texts.rs"));
}

/// A text without arguments, where a table holds it.
pub(crate) type Text = fn() -> &'static str;

/// The texts in one language.
pub struct Words {
    bundle: FluentBundle<FluentResource>,
    /// Texts without arguments, by their number in [`say::CONSTANTS`].
    constants: Vec<String>,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Words({})", self.constants.len())
    }
}

impl Words {
    /// English, as it is written.
    #[must_use]
    pub fn english() -> Self {
        Self::of(None)
    }

    /// English with every own text changed, and names and numbers left as they are: a language of longer words
    /// shows what is too narrow, and what is not in the locale files at all.
    #[must_use]
    pub fn changed(change: fn(&str) -> Cow<'_, str>) -> Self {
        Self::of(Some(change))
    }

    fn of(change: Option<fn(&str) -> Cow<'_, str>>) -> Self {
        let english: LanguageIdentifier = "en".parse().expect("a language's code");
        let mut bundle = FluentBundle::new_concurrent(vec![english]);
        // Marks of direction around names would be drawn: egui orders no text by them.
        bundle.set_use_isolating(false);
        bundle.set_transform(change);
        for source in say::SOURCES {
            let resource = FluentResource::try_new((*source).to_owned());
            let resource = resource.expect("the build script has read it");
            bundle
                .add_resource(resource)
                .expect("the build script has found no id twice");
        }
        let constants = say::CONSTANTS
            .iter()
            .map(|id| put_together(&bundle, id, None))
            .collect();
        Self { bundle, constants }
    }
}

static ENGLISH: LazyLock<Words> = LazyLock::new(Words::english);

thread_local! {
    static SPOKEN: Cell<Option<&'static Words>> = const { Cell::new(None) };
}

/// Has this thread speak another language than English, from the next frame on.
pub fn speak(words: &'static Words) {
    SPOKEN.set(Some(words));
}

fn spoken() -> &'static Words {
    SPOKEN.get().unwrap_or_else(|| &ENGLISH)
}

fn constant(at: usize) -> &'static str {
    &spoken().constants[at]
}

fn formatted<const N: usize>(id: &str, values: [(&'static str, FluentValue<'_>); N]) -> String {
    let mut arguments = FluentArgs::with_capacity(N);
    for (name, value) in values {
        arguments.set(name, value);
    }
    put_together(&spoken().bundle, id, Some(&arguments))
}

fn put_together(
    bundle: &FluentBundle<FluentResource>,
    id: &str,
    arguments: Option<&FluentArgs<'_>>,
) -> String {
    let message = bundle.get_message(id);
    let message = message.expect("the build script has made a function of it");
    let pattern = message.value().expect("the build script has seen its text");
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, arguments, &mut errors);
    debug_assert!(errors.is_empty(), "{id}: {errors:?}");
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_and_on_one_line() {
        for text in &Words::english().constants {
            assert!(!text.trim().is_empty() && !text.contains('\n'), "{text:?}");
        }
    }

    #[test]
    fn numbers_choose_their_words_and_names_are_put_in_as_they_are() {
        assert_eq!(say::span_days(1), "1 day");
        assert_eq!(say::span_days(12_345), "12345 days");
        let name = "{ $count } \u{202e}x";
        assert_eq!(say::kicked(name), format!("{name} was removed."));
    }

    #[test]
    fn another_language_changes_own_words_and_no_names() {
        static LOUD: LazyLock<Words> =
            LazyLock::new(|| Words::changed(|text| text.to_uppercase().into()));
        assert_eq!(say::cancel(), "Cancel");
        speak(&LOUD);
        assert_eq!(say::cancel(), "CANCEL");
        assert_eq!(say::kicked("Ada"), "Ada WAS REMOVED.");
    }
}
