//! The look of one server's pages: its logo, its colours, where its links lead, and what its sign-in page says. What an operator leaves
//! out is as `assets/` has it. Colours are judged in the pairs in which the stylesheet uses them.

use std::borrow::Cow;
use std::fmt;

use safeconduct_protocol::{encoding, image::Image, language::Language};
use serde::Serialize;

use super::assets::{Asset, asset, our_stylesheet, path_of};
use super::error::PagesError;

/// The least contrast of a text to what it stands on (WCAG 2.2, 1.4.3), and of an edge or the focus ring (1.4.11).
const LEAST_OF_TEXT: f64 = 4.5;
const LEAST_OF_EDGE: f64 = 3.0;

/// Which colours stand on which: by their names in the stylesheet, and the contrast that ours keep.
#[rustfmt::skip]
pub(super) const PAIRS: &[(f64, &[&str], &[&str])] = &[
    (7.0, &["ink", "quiet"], &["paper", "card", "sunken"]),
    (7.0, &["accent", "accent-hover"], &["paper", "card"]),
    (7.0, &["alarm", "caution"], &["card"]),
    (7.0, &["alarm", "ink"], &["alarm-wash"]),
    (7.0, &["caution", "ink"], &["caution-wash"]),
    (7.0, &["on-accent"], &["accent", "accent-hover"]),
    (7.0, &["ink"], &["line"]),
    (LEAST_OF_EDGE, &["edge", "focus"], &["paper", "card", "sunken"]),
];

/// How the pages of one server look, as far as its operator says so.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// What stands beside the server's name, in place of our mark.
    pub logo: Option<Image>,
    /// The colours that are not ours.
    pub colours: Colours,
    /// Where the links at the foot of every page lead.
    pub links: Links,
    /// What the sign-in page says below its form, in each language of the pages; empty where it says nothing.
    pub sign_in_text: [String; Language::ALL.len()],
}

/// Where the links at the foot of every page lead: absolute URLs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Links {
    /// To whom or where users turn who cannot sign in.
    pub help: Option<String>,
    /// What is done with what is known of them.
    pub privacy: Option<String>,
    /// Under which terms they use it.
    pub terms: Option<String>,
}

/// Our stylesheet, and behind it the colours that the operator chose.
pub(super) fn stylesheet(look: &Look) -> Result<Asset, PagesError> {
    let ours = asset("safeconduct", "css", "text/css; charset=utf-8")?;
    let css = our_stylesheet()?;
    let chosen = look.colours.css(&css);
    if chosen.is_empty() {
        return Ok(ours);
    }
    let css = format!("{css}{chosen}");
    Ok(Asset {
        path: path_of("safeconduct", "css", &encoding::sha256(css.as_bytes())),
        bytes: Cow::Owned(css.into_bytes()),
        ..ours
    })
}

/// A logo as it is served.
pub(super) fn asset_of(logo: &Image) -> Asset {
    Asset {
        path: path_of("logo", logo.extension(), &encoding::sha256(logo.bytes())),
        bytes: Cow::Owned(logo.bytes().to_vec()),
        content_type: logo.content_type(),
    }
}

/// A colour of sRGB.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Colour {
    const WHITE: Self = Self([0xff; 3]);
    const BLACK: Self = Self([0; 3]);

    /// The colour that is written `#rrggbb`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6)?;
        // The standard library would read a sign as well.
        let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(hex, 16).ok().filter(|_| is_hex)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self([red, green, blue]))
    }

    /// The contrast ratio to `other`, 1 to 21 (WCAG 2.2).
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let [a, b] = [self.luminance(), other.luminance()];
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The relative luminance, 0 to 1 (WCAG 2.2).
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// This colour with `percent` of `other` in it.
    fn mixed(self, other: Self, percent: u16) -> Self {
        let mut channels = self.0;
        for (own, other) in channels.iter_mut().zip(other.0) {
            let sum = u16::from(*own) * (100 - percent) + u16::from(other) * percent;
            *own = u8::try_from(sum.div_euclid(100)).unwrap_or(u8::MAX);
        }
        Self(channels)
    }

    /// What is written on this: white where it can be read, else black.
    fn text(self) -> Self {
        if self.contrast(Self::WHITE) >= LEAST_OF_TEXT {
            Self::WHITE
        } else {
            Self::BLACK
        }
    }

    /// This colour under the pointer: further from the text that stands on it, as long as it can be told from the `card` too.
    fn hovered(self, text: Self, card: Self) -> Self {
        let away = if text == Self::WHITE {
            Self::BLACK
        } else {
            Self::WHITE
        };
        let hovered = self.mixed(away, 18);
        if hovered.contrast(card) >= LEAST_OF_TEXT {
            hovered
        } else {
            self
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl fmt::Debug for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One colour of the pages, in the light and in the dark. `None` is ours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shade {
    /// Where users prefer light pages, or nothing.
    pub light: Option<Colour>,
    /// Where users prefer dark ones.
    pub dark: Option<Colour>,
}

/// The colours that an operator may choose. Every other one follows from them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Colours {
    /// Of links and of the buttons that lead on. What is written on such a button is white where that can be read, else black.
    pub accent: Shade,
    /// Of the page around the card.
    pub background: Shade,
    /// Of the card that everything stands on.
    pub card: Shade,
    /// Of what is written on the card.
    pub text: Shade,
}

/// Two colours that cannot be told apart well enough.
#[derive(Clone, Debug, PartialEq)]
pub struct LowContrast {
    /// The name of the colour in front, as the stylesheet has it.
    pub front: &'static str,
    /// The one behind.
    pub ground: &'static str,
    /// `light` or `dark`.
    pub scheme: &'static str,
    /// The contrast that they have.
    pub ratio: f64,
    /// What it has to be at least.
    pub least: f64,
}

impl fmt::Display for LowContrast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            front,
            ground,
            scheme,
            ratio,
            least,
        } = self;
        let [front, ground] = [front, ground].map(|name| match *name {
            "ink" => "text",
            "paper" => "background",
            other => other,
        });
        // Cut, not rounded: 4.499 is no 4.5.
        let ratio = (ratio * 100.0).floor() / 100.0;
        write!(
            f,
            "in the {scheme}, `{front}` on `{ground}` has a contrast of {ratio:.2}:1, and {least}:1 is the least (WCAG 2.2)"
        )
    }
}

/// Every colour of one scheme that was chosen or follows from one that was, by its name in the stylesheet.
type Changed = Vec<(&'static str, Colour)>;

impl Colours {
    /// Looks for colours that cannot be told apart, among those that are not ours alone.
    ///
    /// # Errors
    /// The pair with the least contrast of those that have too little.
    pub fn check(&self) -> Result<(), LowContrast> {
        self.check_beside(&our_stylesheet().unwrap_or_default())
    }

    fn check_beside(&self, stylesheet: &str) -> Result<(), LowContrast> {
        let mut found: Vec<LowContrast> = Vec::new();
        for (at, scheme) in ["light", "dark"].into_iter().enumerate() {
            let changed = self.changed(at, stylesheet);
            let chosen = |name: &str| changed.iter().find(|(of, _)| *of == name);
            let colour = |name| {
                chosen(name).map_or_else(
                    || of_stylesheet(stylesheet, name, at),
                    |(_, own)| Some(*own),
                )
            };
            for &(least, fronts, grounds) in PAIRS {
                let least = if least > LEAST_OF_TEXT {
                    LEAST_OF_TEXT
                } else {
                    least
                };
                let pairs = fronts
                    .iter()
                    .flat_map(|front| grounds.iter().map(move |ground| (*front, *ground)));
                for (front, ground) in pairs
                    .filter(|(front, ground)| chosen(front).is_some() || chosen(ground).is_some())
                {
                    let ratio = colour(front)
                        .zip(colour(ground))
                        .map(|(front, ground)| front.contrast(ground));
                    found.extend(
                        ratio
                            .filter(|ratio| *ratio < least)
                            .map(|ratio| LowContrast {
                                front,
                                ground,
                                scheme,
                                ratio,
                                least,
                            }),
                    );
                }
            }
        }
        let worst = found.into_iter().min_by(|a, b| a.ratio.total_cmp(&b.ratio));
        worst.map_or(Ok(()), Err)
    }

    /// What is to stand behind `stylesheet`, to win over it: nothing where every colour is ours.
    pub(super) fn css(&self, stylesheet: &str) -> String {
        let [light, dark] = [0, 1].map(|at| self.changed(at, stylesheet));
        let mut names: Vec<&str> = light.iter().chain(&dark).map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        let lines = names.into_iter().filter_map(|name| {
            let own = |changed: &Changed, at| {
                let own = changed.iter().find(|(of, _)| *of == name);
                own.map_or_else(
                    || of_stylesheet(stylesheet, name, at),
                    |(_, own)| Some(*own),
                )
            };
            let (light, dark) = own(&light, 0).zip(own(&dark, 1))?;
            Some(format!("--{name}: light-dark({light}, {dark});"))
        });
        let lines: String = lines.collect();
        if lines.is_empty() {
            return lines;
        }
        format!("@layer tokens {{ :root {{ {lines} }} }}\n")
    }

    /// What was chosen for one scheme, and what follows from it. `at` is 0 in the light and 1 in the dark.
    fn changed(&self, at: usize, stylesheet: &str) -> Changed {
        let of = |shade: Shade| [shade.light, shade.dark][at];
        let mut changed = Changed::new();
        changed.extend(of(self.background).map(|paper| ("paper", paper)));
        let ours = |name| of_stylesheet(stylesheet, name, at);
        if let Some((accent, card)) = of(self.accent).zip(of(self.card).or_else(|| ours("card"))) {
            let on_accent = accent.text();
            changed.extend([
                ("accent", accent),
                ("on-accent", on_accent),
                ("accent-hover", accent.hovered(on_accent, card)),
            ]);
        }
        let (card, text) = (of(self.card), of(self.text));
        if card.is_some() || text.is_some() {
            let card = card.or_else(|| ours("card"));
            let text = text.or_else(|| ours("ink"));
            changed.extend(card.zip(text).into_iter().flat_map(|(card, text)| {
                [
                    ("card", card),
                    ("ink", text),
                    ("quiet", text.mixed(card, 20)),
                    ("edge", card.mixed(text, 60)),
                    ("line", card.mixed(text, 14)),
                    ("sunken", card.mixed(text, 4)),
                ]
            }));
        }
        changed
    }
}

/// A colour of our own, as the stylesheet has it: `--name: light-dark(#rrggbb, #rrggbb);`.
pub(super) fn of_stylesheet(stylesheet: &str, name: &str, at: usize) -> Option<Colour> {
    let (_, pair) = stylesheet.split_once(&format!("--{name}: light-dark("))?;
    let (pair, _) = pair.split_once(')')?;
    Colour::parse(pair.split(", ").nth(at)?)
}
