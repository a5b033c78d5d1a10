//! The form in which a code is sealed: short, because it travels in URLs, where some clients take no more than 512 characters.
//!
//! A byte that names the form, then the members in one order: numbers as LEB128, texts behind their length. A text that is base64url,
//! as ids, hashes and challenges are, is kept as the bytes it stands for.

use super::AuthorizationCode;
use crate::{
    authentication::{Acr, Authentication, Factor, Factors},
    claims::ClaimsRequest,
    dpop::Thumbprint,
    encoding,
    grant::Epochs,
    ids::{ClientId, GrantId, SessionId, UserId},
    pkce::CodeChallenge,
    scope::Scope,
    seal::SealError,
    sealed::Payload,
    time::Timestamp,
};

/// The first byte. Another form gets another one.
const FORM: u8 = 1;

impl Payload for AuthorizationCode {
    fn write(&self) -> Result<Vec<u8>, SealError> {
        Ok(write(self))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        read(bytes)
    }
}

/// `code` in this form.
fn write(code: &AuthorizationCode) -> Vec<u8> {
    let mut writer = Writer(vec![FORM]);
    writer.0.extend_from_slice(&code.grant.to_bytes());
    writer.text(&code.code_id);
    writer.number(code.era);
    writer.text(code.client.as_str());
    writer.text(code.user.shortened());
    writer.text(code.session.as_str());
    let Epochs {
        user,
        client,
        consent,
    } = code.epochs;
    [user, client, consent]
        .into_iter()
        .for_each(|epoch| writer.number(epoch));
    writer.text(&code.redirect_uri);
    writer.optional(code.code_challenge.as_ref().map(CodeChallenge::as_str));
    writer.text(&code.scope.to_string());
    writer.text(&code.audience);
    writer.optional(code.nonce.as_deref());
    writer.authentication(&code.authentication);
    writer.number(code.issued_at.seconds());
    writer.optional(code.dpop_jkt.as_ref().map(Thumbprint::as_str));
    let claims = (!code.claims.is_empty()).then(|| {
        serde_json::to_string(&code.claims).expect("a claims request holds texts and nothing else")
    });
    writer.optional(claims.as_deref());
    writer.0
}

/// The code that `bytes` are; `None` for what is not in this form, or has anything behind it.
fn read(bytes: &[u8]) -> Option<AuthorizationCode> {
    let rest = bytes.strip_prefix(&[FORM])?;
    let (grant, rest) = rest.split_first_chunk::<16>()?;
    let mut reader = Reader(rest);
    let code = AuthorizationCode {
        grant: GrantId::from_bytes(*grant)?,
        code_id: reader.text()?,
        era: reader.number()?,
        client: ClientId::parse(&reader.text()?)?,
        user: UserId::of_shortened(&reader.text()?)?,
        session: SessionId::parse(&reader.text()?)?,
        epochs: Epochs {
            user: reader.number()?,
            client: reader.number()?,
            consent: reader.number()?,
        },
        redirect_uri: reader.text()?,
        code_challenge: reader.optional(CodeChallenge::parse)?,
        scope: Scope::parse(&reader.text()?)?,
        audience: reader.text()?,
        nonce: reader.optional(|text| Some(text.to_owned()))?,
        authentication: reader.authentication()?,
        issued_at: Timestamp::from_seconds(reader.number()?),
        dpop_jkt: reader.optional(Thumbprint::parse)?,
        claims: reader
            .optional(|text| serde_json::from_str::<ClaimsRequest>(text).ok())?
            .unwrap_or_default(),
    };
    reader.0.is_empty().then_some(code)
}

struct Writer(Vec<u8>);

impl Writer {
    fn unsigned(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number as u8 & 0x7f) | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// The sign in the last bit, so that small numbers of either sign are short.
    fn number(&mut self, number: i64) {
        self.unsigned(((number << 1) ^ (number >> 63)) as u64);
    }

    /// A length that says in its last bit whether the bytes are those that the text stands for.
    fn text(&mut self, text: &str) {
        let decoded = encoding::decode(text);
        let (bytes, packed) = match &decoded {
            Some(bytes) => (bytes.as_slice(), 1),
            None => (text.as_bytes(), 0),
        };
        self.unsigned((bytes.len() as u64) << 1 | packed);
        self.0.extend_from_slice(bytes);
    }

    /// The number of the context, a bit for each factor, and when each of them was proved.
    fn authentication(&mut self, authentication: &Authentication) {
        let acr = Acr::ALL.iter().position(|acr| *acr == authentication.acr);
        self.unsigned(acr.unwrap_or_default() as u64);
        let proved = authentication.factors.iter();
        self.unsigned(proved.fold(0, |bits, (factor, _)| bits | 1 << factor as u64));
        for (_, at) in authentication.factors.iter() {
            self.number(at.seconds());
        }
    }

    fn optional(&mut self, text: Option<&str>) {
        self.0.push(u8::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }
}

struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            number |= bits
                .checked_shl(shift)
                .filter(|&shifted| shifted >> shift == bits)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn number(&mut self) -> Option<i64> {
        let number = self.unsigned()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn text(&mut self) -> Option<String> {
        let header = self.unsigned()?;
        let length = usize::try_from(header >> 1).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        match header & 1 {
            1 => Some(encoding::encode(bytes)),
            _ => String::from_utf8(bytes.to_vec()).ok(),
        }
    }

    fn authentication(&mut self) -> Option<Authentication> {
        let acr = *Acr::ALL.get(usize::try_from(self.unsigned()?).ok()?)?;
        let mut factors = Factors::default();
        let proved = self.unsigned()?;
        for factor in Factor::ALL {
            if proved & (1 << factor as u64) != 0 {
                factors = factors.and(factor, Timestamp::from_seconds(self.number()?));
            }
        }
        if proved >> Factor::ALL.len() != 0 {
            return None;
        }
        Some(Authentication { factors, acr })
    }

    /// `Some(None)` where there is none; `None` where what is there is not what it should be.
    #[expect(
        clippy::option_option,
        reason = "the outer one is whether it could be read"
    )]
    fn optional<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => parse(&self.text()?).map(Some),
            _ => None,
        }
    }
}
