//! The pages about a second factor: prove it, set one up, and the recovery codes that are shown once.

use qrcode::{Color, EcLevel, QrCode};
use serde::Serialize;

use super::passkey::{AddPasskeyPage, PasskeyPrompt};

/// The forms that ask for a code of an authenticator app, or for a recovery code.
#[derive(Clone, Default, Serialize)]
pub struct SecondFactorPage<'a> {
    /// The client's name, as registered.
    pub client_name: &'a str,
    /// The host that client is returned to (`notes.example`, `localhost:8421`).
    pub client_host: &'a str,
    /// The name of the account that is signed in.
    pub account: &'a str,
    /// Where both forms are posted: the path of `/login/second-factor` below the issuer.
    pub action: &'a str,
    /// Where the wish for another account is posted.
    pub use_another_account_action: &'a str,
    /// The sealed pending authorization, posted back as `pending` by each form.
    pub pending: &'a str,
    /// Whether a code of an authenticator app is one of the ways.
    pub code: bool,
    /// Whether there is a recovery code left to use.
    pub recovery_codes: bool,
    /// The form that asks for a passkey of the account, if it has one.
    pub passkey: Option<&'a PasskeyPrompt>,
    /// What went wrong with the attempt before, if there was one.
    pub problem: Option<CodeProblem>,
}

/// The page on which an authenticator app is set up.
#[derive(Clone, Default, Serialize)]
pub struct EnrolPage<'a> {
    /// The client that the page is on the way to; none on an account page.
    pub client_name: Option<&'a str>,
    /// The host that client is returned to.
    pub client_host: &'a str,
    /// The name of the account that is signed in.
    pub account: &'a str,
    /// Where the form is posted.
    pub action: &'a str,
    /// Where the wish for another account is posted, with `pending`, if it may be another.
    pub use_another_account_action: Option<&'a str>,
    /// The sealed pending authorization, posted back as `pending`, if there is one.
    pub pending: Option<&'a str>,
    /// The token that binds the form to this browser, posted as `csrf`, on an account page.
    pub csrf: Option<&'a str>,
    /// Where *Not now* is posted, with `pending`, where it is an offer.
    pub not_now_action: Option<&'a str>,
    /// The form that has the browser make a passkey, where one will do as well.
    pub passkey: Option<AddPasskeyPage<'a>>,
    /// The sealed enrolment, posted back as `enrolment`.
    pub enrolment: &'a str,
    /// The QR code that an app scans; none where what it would say is too long.
    pub qr: Option<&'a QrDrawing>,
    /// The secret in groups of letters, to be typed.
    pub secret: &'a str,
    /// What went wrong with the attempt before, if there was one.
    pub problem: Option<CodeProblem>,
}

/// What a user may add to the account after a sign-in, or leave.
#[derive(Clone, Default, Serialize)]
pub struct OfferPage<'a> {
    /// The client's name, as registered.
    pub client_name: &'a str,
    /// The host that client is returned to.
    pub client_host: &'a str,
    /// The name of the account that is signed in.
    pub account: &'a str,
    /// Where the answer is posted, as `decision`: the name of an offer, or `not-now`.
    pub action: &'a str,
    /// The sealed pending authorization, posted back as `pending`.
    pub pending: &'a str,
    /// Whether an authenticator app is offered.
    pub otp: bool,
    /// Whether a passkey is offered.
    pub passkey: bool,
}

/// Recovery codes, shown once.
#[derive(Clone, Default, Serialize)]
pub struct RecoveryCodesPage<'a> {
    /// The codes, in groups of letters.
    pub codes: &'a [&'a str],
    /// Where to go on: a path of this server.
    pub continue_url: &'a str,
}

/// Why a code was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CodeProblem {
    /// What was typed is not six digits.
    NoCode,
    /// It is not the code of now, or was used before.
    WrongCode,
    /// What was typed is not sixteen letters and digits.
    NoRecoveryCode,
    /// It is none of the recovery codes that are left.
    WrongRecoveryCode,
    /// The page that sets up an app was open for too long, or belongs to another sign-in: it begins anew.
    Over,
    /// The passkey was not taken.
    Passkey,
    /// Too many wrong codes for this account.
    Throttled {
        /// How long to wait, rounded up.
        minutes: u32,
    },
}

/// A QR code as it is drawn: dark modules as one path of horizontal strokes, with the quiet zone around them (ISO/IEC 18004).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QrDrawing {
    /// Modules of one side, quiet zone included.
    pub side: usize,
    /// The path, in modules.
    pub path: String,
}

/// Modules around a QR code that stay light.
const QUIET: usize = 4;

impl QrDrawing {
    /// The drawing of `text`, in bytes and with the second lowest level of error correction; `None` if it is too long.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let side = code.width();
        let mut path = String::new();
        for (row, modules) in code.to_colors().chunks(side).enumerate() {
            // Where the pen is in this row, once it was put down.
            let mut pen: Option<usize> = None;
            let mut column = 0;
            for run in modules.chunk_by(|one, other| one == other) {
                if run[0] == Color::Dark {
                    path += &match pen {
                        None => format!("M{} {}.5", QUIET + column, QUIET + row),
                        Some(pen) => format!("m{} 0", column - pen),
                    };
                    path += &format!("h{}", run.len());
                    pen = Some(column + run.len());
                }
                column += run.len();
            }
        }
        Some(Self {
            side: side + 2 * QUIET,
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a drawing back into its dark modules.
    fn dark(drawing: &QrDrawing) -> Vec<(usize, usize)> {
        let mut modules = Vec::new();
        for row in drawing.path.split('M').skip(1) {
            let (at, strokes) = row.split_once('h').unwrap();
            let (column, row) = at.split_once(' ').unwrap();
            let mut column: usize = column.parse().unwrap();
            let row = row.strip_suffix(".5").unwrap().parse().unwrap();
            for stroke in strokes.split('h') {
                let (length, gap) = stroke.split_once('m').unwrap_or((stroke, "0 0"));
                let length: usize = length.parse().unwrap();
                modules.extend((column..column + length).map(|column| (column, row)));
                column += length + gap.strip_suffix(" 0").unwrap().parse::<usize>().unwrap();
            }
        }
        modules
    }

    #[test]
    fn a_drawing_has_the_dark_modules_of_the_code_and_no_others() {
        let text = "otpauth://totp/Acme%20Co:ada@acme.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20Co";
        let drawing = QrDrawing::of(text).unwrap();
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        assert_eq!(drawing.side, code.width() + 8);
        let expected: Vec<_> = (0..code.width())
            .flat_map(|row| (0..code.width()).map(move |column| (column, row)))
            .filter(|at| code[*at] == Color::Dark)
            .map(|(column, row)| (column + 4, row + 4))
            .collect();
        assert_eq!(dark(&drawing), expected);
        assert!(drawing.path.len() < 4096, "{}", drawing.path.len());
    }

    #[test]
    fn what_no_code_can_say_is_not_drawn() {
        assert_eq!(QrDrawing::of(&"x".repeat(4000)), None);
    }
}
