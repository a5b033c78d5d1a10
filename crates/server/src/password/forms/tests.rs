//! Hashes that other software made of one password, and texts that are none.

use proptest::prelude::*;
use rstest::rstest;
use rstest_reuse::{apply, template};
use safeconduct_protocol::secret::Secret;

use super::super::stored::{Comparison, Verdict};
use super::super::{ImportedHash, PasswordSettings, Passwords, cost_of};
use super::*;

const PASSWORD: &str = "pass\u{fc}ber alles \u{2665}";

/// Made with passlib 1.7.4, argon2-cffi, bcrypt 4.0 and Django; those of Keycloak and WordPress from hashlib, argon2-cffi and bcrypt by the
/// steps in their sources.
#[template]
#[rstest]
#[case::argon2id(
    "$argon2id$v=19$m=256,t=2,p=2$yzmHkNJaS2nNWSvl3Ls3pg$nqw66UmSf4fHhhvqln9VVT2WECZLLU5UDV2l74JSDUQ"
)]
#[case::argon2i(
    "$argon2i$v=19$m=256,t=3,p=1$lBICIGRsLUVICaG0lvI+Bw$I+1z3SbhUjEwuoZkGeq/+kfaUZsEPd2fYgD5a/AQhxU"
)]
#[case::argon2d(
    "$argon2d$v=19$m=256,t=2,p=1$cu6d05rzHqMU4jxnrBUihA$IAJXYQ9VJ5v4kLc5xpG4bZJVwjCAB3PrlUZgZsRv9HU"
)]
#[case::argon2_of_before_2016(
    "$argon2i$v=16$m=256,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$asekkPv5BvNngwmvjRSljwQxYu6RkzyjAtu1EKNrabM"
)]
#[case::argon2_without_a_version(
    "$argon2i$m=256,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$asekkPv5BvNngwmvjRSljwQxYu6RkzyjAtu1EKNrabM"
)]
#[case::scrypt(
    "$scrypt$ln=5,r=8,p=2$mTOmNCZkrPUeA2DsndP6nw$tJSLovlVY7tAnnS9W6Dv6n3J00S3wAcHGBmuKXQ9e/E"
)]
#[case::pbkdf2_sha1("$pbkdf2$1000$rXXufQ8hJAQg5Lx3TmmtdQ$sbbvnvR25KTN17pit9AZYow5Y9o")]
#[case::pbkdf2_sha256(
    "$pbkdf2-sha256$1000$BQAAQAghBOC8937vHUOotQ$bQqLC/xjLEafKrYEmQtlPt6I091WMvqpxh32VWylQww"
)]
#[case::pbkdf2_sha512(
    "$pbkdf2-sha512$1000$UmptjTEmhPA.B8C4t5YSYg$DsOV30eFnPXHAPo0CcyY27p31wLiQnKIpyPDCcp/q.46lD1W6npLHwKz6Im/d/TI0yMOSy/V/Cl/Fq3dyN0lGQ"
)]
#[case::pbkdf2_in_phc_form(
    "$pbkdf2-sha256$i=1000,l=32$BQAAQAghBOC8937vHUOotQ$bQqLC/xjLEafKrYEmQtlPt6I091WMvqpxh32VWylQww"
)]
#[case::bcrypt_2a("$2a$04$Q.bOZXfllFHnlVrssljSI.x.NulI.2PyRb8kaY1QyXtIYMUhokk0m")]
#[case::bcrypt_2b("$2b$04$fnNfWBEgaV3snohO3qXOfekx4cyKmtgCabT1SNk/iTBhDicHhpF6y")]
#[case::bcrypt_2y("$2y$04$fnNfWBEgaV3snohO3qXOfekx4cyKmtgCabT1SNk/iTBhDicHhpF6y")]
#[case::bcrypt_of_a_keyed_digest(
    "$bcrypt-sha256$v=2,t=2b,r=4$auLeCyEOuPWQPSqT267xn.$FWM1WB9Y2kNNfJwLIUQNpNwGBEFSifi"
)]
#[case::bcrypt_of_a_digest(
    "$bcrypt-sha256$2b,4$Yu.Q.EVD.jR3lsQyJvnS/O$HcR3LuU7xNedAMFwR1vGskT/AjCvLxS"
)]
#[case::wordpress("$wp$2y$04$ot6C9xltrkoa1yzMVUxpS.w41sPtqd3JqbysyxoO9eEJCtZD17hkK")]
#[case::django_pbkdf2_sha256(
    "pbkdf2_sha256$1000$seasalt$1XtEOAQ3kQetII+9ePdobijE5U0UVZF5/sGxl/Ie8Ao="
)]
#[case::django_pbkdf2_sha1("pbkdf2_sha1$1000$seasalt$V7/XBZc4PcvV8jEFdTnet2oYG/Q=")]
#[case::django_scrypt(
    "scrypt$32$seasalt$8$1$mXR5g2twPicfNIbNl6YrL4kFhbUqqYxIah2KrLUN9XC4DwUZ6yQEIA4lXbkSwpfv+FdbHlX6iOOCIx8sjQCVWg=="
)]
#[case::django_argon2(
    "argon2$argon2id$v=19$m=256,t=2,p=1$c2Vhc2FsdHNlYXNhbHQ$zgk6OX1vpnS+aA7/nu6iLjkhEYl0cvaHE/2Q3aD1B2I"
)]
#[case::django_bcrypt_sha256(
    "bcrypt_sha256$$2b$04$65EfIBEhiR2SUsJeFoPmJOIY9ws6chQ0nsSjjQ5EilbOAdBUiPI2G"
)]
#[case::django_bcrypt("bcrypt$$2b$04$X5DiqqGUc8lDYtze4qQxUe9WRbEffSbjAza2Anxf0L5U7PTBGoDse")]
#[case::sha256_crypt("$5$rounds=1000$IJZDI2AqlLrc4L2q$Irjb/IoIgPo5w3J1I4atIj7aODeC1L705zVi2scsQM1")]
#[case::sha512_crypt(
    "$6$rounds=1000$MxfqJA1OdYGuK9Ga$/iQ9OJzRocU9JGjZu71h.XUNUZB82NYbMrQQP4Yg.1qETw8WOGLBYX1lIvZSwIddnBrsKJWzytf/i5EOsLzua1"
)]
#[case::sha512_crypt_without_rounds(
    "$6$KfXAEvWoXRA4mW.R$KRl8d3lBR5LliP6//G0UdssHHFceg.C6g2J.hG2RR96gJJzEydsygmSZHNkfBPNMx6kwXIN1Svav11TClreAq1"
)]
#[case::ldap_sha("{SHA}Iyo81sdIbuTolfb2F3ecw4kIMM0=")]
#[case::ldap_ssha("{SSHA}vD/d4GjDmzprO4IDXTbTemv1Bq/BOAdg")]
#[case::ldap_in_any_case("{ssha}vD/d4GjDmzprO4IDXTbTemv1Bq/BOAdg")]
#[case::ldap_ssha256("{SSHA256}PYM5YxK79csBMVnnEHtWnOEmHGPVkF3jdiZl5oifZmXOGcN4zzmn1A==")]
#[case::ldap_ssha512(
    "{SSHA512}p4l8yddWnVCg+b9LRAqLtJy+ThdcPHPM0+8rR364Jx7GY1papGJ+WtTe47siP/i4g2wwpytONogxBFAy0jwDleec0zqnlHJu"
)]
#[case::ldap_pbkdf2("{PBKDF2}1000$4jyHkJJybk2plbIW4nyPsQ$4.lzghaLt7zrAFF9PTR6thG52lk")]
#[case::ldap_pbkdf2_sha256(
    "{PBKDF2-SHA256}1000$TUmpdY5xbg0BYMx5j3FuDQ$isec6EtZg/bU9c6m8pI.f0dtmEAmpRAAGZhXGuY5gQw"
)]
#[case::ldap_pbkdf2_sha512(
    "{PBKDF2-SHA512}1000$v5eyltKacw6BkBKCUKo1Bg$bew2paN4Wjnwp9AAhX2Mi6O9/lKxZd2vXGaDpIX09Lset2f4KjnUUa4fRZszKSYk67HI9fG3lXYi9rf1s.qTlg"
)]
#[case::ldap_crypt(
    "{CRYPT}$6$rounds=1000$6s.yoM9iUAVfNrNo$okGv.oY5iep0vUwVZmZ2kesEnKXXXWk9uWXJ3X6irfh1fLGKEI6o9b9VwnPd4CJ8YWeCJ0R0RSqQQYX1SwHyc."
)]
#[case::ldap_crypt_of_bcrypt("{CRYPT}$2b$04$8H1a6fCUeQPvZPZHo2a3ouFjKx.0tjRezh9ZQnDE84T/82gwVqZiy")]
#[case::ldap_argon2(
    "{ARGON2}$argon2id$v=19$m=256,t=2,p=2$yzmHkNJaS2nNWSvl3Ls3pg$nqw66UmSf4fHhhvqln9VVT2WECZLLU5UDV2l74JSDUQ"
)]
#[case::keycloak_argon2(r#"{"credentialData":"{\"hashIterations\":5,\"algorithm\":\"argon2\",\"additionalParameters\":{\"hashLength\":[\"32\"],\"memory\":[\"256\"],\"type\":[\"id\"],\"version\":[\"1.3\"],\"parallelism\":[\"1\"]}}","secretData":"{\"value\":\"Gcb7ci24no62pWQZ75XJzS/1tn4agip/9WLaPbflr8I=\",\"salt\":\"5+cTKbEQ6/KzJNwTWilxvA==\",\"additionalParameters\":{}}"}"#)]
#[case::keycloak_pbkdf2(r#"{"credentialData":"{\"hashIterations\":1000,\"algorithm\":\"pbkdf2\",\"additionalParameters\":{}}","secretData":"{\"value\":\"crlolRYVS6WA3funRD7mT5qcfeAqScyk3sL9Z+hTjhd21B9TlQLSneAUqbDVRro/JhPI9khpmVGwstx+SBn8IQ==\",\"salt\":\"5+cTKbEQ6/KzJNwTWilxvA==\",\"additionalParameters\":{}}"}"#)]
#[case::keycloak_pbkdf2_sha256(r#"{"credentialData":{"hashIterations":1000,"algorithm":"pbkdf2-sha256"},"secretData":{"value":"AH9hxLH1EPWGVAMXKGziUzcKlG2G+UCJ/VUF1F3aV7d28BIQGkR23QZ9ozqCDUYgGr+nTXOZQPmhJ135GwQylA==","salt":"5+cTKbEQ6/KzJNwTWilxvA=="}}"#)]
#[case::keycloak_pbkdf2_sha512(r#"{"credentialData":"{\"hashIterations\":1000,\"algorithm\":\"pbkdf2-sha512\",\"additionalParameters\":{}}","secretData":"{\"value\":\"y3tMcYI1xW/Dm43bDGfzonR2ymDZsdFI0qwYKK4HxauKE9KzHe3+zXNngaxGK5Za7BcBIkC79Y3pQ2IP/t8V9Q==\",\"salt\":\"5+cTKbEQ6/KzJNwTWilxvA==\",\"additionalParameters\":{}}"}"#)]
fn hashes(#[case] written: &str) {}

/// What comes of comparing `typed` with a hash as it is stored.
fn compared(stored: &str, typed: &str) -> Verdict {
    let known = super::known(stored).expect("what was imported can be checked");
    Comparison::With(known).run(&Secret::new(typed), &mut Vec::new())
}

async fn stored(written: &str) -> String {
    let passwords = Passwords::start(PasswordSettings {
        threads: 1,
        queue: 1,
    });
    let imported = ImportedHash::read(written).unwrap();
    passwords.unwrap().import(&imported).await.unwrap()
}

/// Attacks: L12.
#[apply(hashes)]
#[tokio::test]
async fn a_hash_of_another_system_is_right_for_its_password_alone(#[case] written: &str) {
    let stored = stored(&format!(" {written}\n")).await;
    let outdated = Verdict::Right { needs_rehash: true };
    assert_eq!(compared(&stored, PASSWORD), outdated);
    for wrong in [
        "",
        "passuber alles \u{2665}",
        &PASSWORD[1..],
        &PASSWORD.repeat(2),
    ] {
        assert_eq!(compared(&stored, wrong), Verdict::Wrong);
    }
    let long = "x".repeat(crate::password::LONGEST + 1);
    assert_eq!(compared(&stored, &long), Verdict::Wrong);
}

/// Attacks: L12.
#[apply(hashes)]
#[tokio::test]
async fn what_its_check_costs_is_written_down_and_read_again(#[case] written: &str) {
    let stored = stored(written).await;
    let known = super::known(&stored).unwrap();
    let cost = cost_of(&stored).unwrap();
    assert_eq!(Cost::parse(&cost), Some(known.cost), "{cost}");
    assert!(cost.len() < 64);
}

#[apply(hashes)]
#[tokio::test]
async fn a_text_that_is_cut_or_goes_on_is_no_hash(#[case] written: &str) {
    let last = written.len() - 1;
    for other in [
        &written[..written.len() / 2],
        &format!("{written}$"),
        &written[..last / 8],
    ] {
        assert!(read(other).is_err(), "{other}");
    }
}

/// Firebase, from the README of github.com/firebase/scrypt, in the forms of Kratos and Supabase.
#[rstest]
#[case::kratos(
    "$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$Bw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
)]
#[case::supabase(
    "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
)]
fn a_hash_of_firebase_is_right_for_its_password_alone(#[case] written: &str) {
    let outdated = Verdict::Right { needs_rehash: true };
    assert_eq!(compared(written, "user1password"), outdated);
    assert_eq!(compared(written, "user1Password"), Verdict::Wrong);
    assert!(read(&written.replace(",r=8", ",r=9,x=1")).is_err());
}

/// bcrypt never saw more than 72 bytes; whoever signs in gets a hash of all of theirs.
///
/// Attacks: L26.
#[test]
fn bcrypt_is_right_for_what_it_read_and_asks_for_a_new_hash() {
    let stored = "$2b$04$gtNH68iyUtm1HWxfo4gaAeGXGb4sbV0FScA2gAwmaSWy9AHiQMWwW";
    let outdated = Verdict::Right { needs_rehash: true };
    for length in [72, 73, 80] {
        assert_eq!(compared(stored, &"x".repeat(length)), outdated);
    }
    assert_eq!(compared(stored, &"x".repeat(71)), Verdict::Wrong);
}

/// Attacks: Z01, PE56.
#[rstest]
#[case::scrypt_of_256_gib(
    "$scrypt$ln=31,r=8,p=1$mTOmNCZkrPUeA2DsndP6nw$tJSLovlVY7tAnnS9W6Dv6n3J00S3wAcHGBmuKXQ9e/E"
)]
#[case::scrypt_beyond_any_memory(
    "$scrypt$ln=63,r=4294967295,p=1$mTOmNCZkrPUeA2DsndP6nw$tJSLovlVY7tAnnS9W6Dv6n3J00S3wAcHGBmuKXQ9e/E"
)]
#[case::scrypt_of_wide_blocks(
    "$scrypt$ln=1,r=1048576,p=16$mTOmNCZkrPUeA2DsndP6nw$tJSLovlVY7tAnnS9W6Dv6n3J00S3wAcHGBmuKXQ9e/E"
)]
#[case::scrypt_of_many_lanes(
    "$scrypt$ln=4,r=8,p=4096$mTOmNCZkrPUeA2DsndP6nw$tJSLovlVY7tAnnS9W6Dv6n3J00S3wAcHGBmuKXQ9e/E"
)]
#[case::django_scrypt(
    "scrypt$2147483648$seasalt$8$1$mXR5g2twPicfNIbNl6YrL4kFhbUqqYxIah2KrLUN9XC4DwUZ6yQEIA4lXbkSwpfv+FdbHlX6iOOCIx8sjQCVWg=="
)]
#[case::firebase(
    "$firescrypt$ln=31,r=8,p=1$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$Bw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
)]
#[case::bcrypt_of_years("$2b$31$fnNfWBEgaV3snohO3qXOfekx4cyKmtgCabT1SNk/iTBhDicHhpF6y")]
#[case::bcrypt_just_beyond("$2b$15$fnNfWBEgaV3snohO3qXOfekx4cyKmtgCabT1SNk/iTBhDicHhpF6y")]
#[case::argon2_of_8_gib(
    "$argon2id$v=19$m=8388608,t=1,p=1$yzmHkNJaS2nNWSvl3Ls3pg$nqw66UmSf4fHhhvqln9VVT2WECZLLU5UDV2l74JSDUQ"
)]
#[case::argon2_just_beyond(
    "$argon2id$v=19$m=262145,t=1,p=1$yzmHkNJaS2nNWSvl3Ls3pg$nqw66UmSf4fHhhvqln9VVT2WECZLLU5UDV2l74JSDUQ"
)]
#[case::argon2_of_many_passes(
    "$argon2id$v=19$m=262144,t=17,p=1$yzmHkNJaS2nNWSvl3Ls3pg$nqw66UmSf4fHhhvqln9VVT2WECZLLU5UDV2l74JSDUQ"
)]
#[case::argon2_of_many_lanes(
    "$argon2id$v=19$m=65536,t=1,p=17$yzmHkNJaS2nNWSvl3Ls3pg$nqw66UmSf4fHhhvqln9VVT2WECZLLU5UDV2l74JSDUQ"
)]
#[case::keycloak(r#"{"credentialData":{"hashIterations":2147483647,"algorithm":"pbkdf2-sha256"},"secretData":{"value":"AH9hxLH1EPWGVAMXKGziUzcKlG2G+UCJ/VUF1F3aV7d28BIQGkR23QZ9ozqCDUYgGr+nTXOZQPmhJ135GwQylA==","salt":"5+cTKbEQ6/KzJNwTWilxvA=="}}"#)]
#[case::pbkdf2_of_an_hour(
    "pbkdf2_sha256$4000000000$seasalt$1XtEOAQ3kQetII+9ePdobijE5U0UVZF5/sGxl/Ie8Ao="
)]
#[case::sha_crypt_of_minutes(
    "$6$rounds=999999999$MxfqJA1OdYGuK9Ga$/iQ9OJzRocU9JGjZu71h.XUNUZB82NYbMrQQP4Yg.1qETw8WOGLBYX1lIvZSwIddnBrsKJWzytf/i5EOsLzua1"
)]
fn a_hash_that_is_too_dear_is_refused_before_any_work(#[case] written: &str) {
    assert_eq!(read(written).err(), Some(UnreadableHash::TooDear));
}

#[rstest]
#[case::bcrypt("$2b$14$fnNfWBEgaV3snohO3qXOfekx4cyKmtgCabT1SNk/iTBhDicHhpF6y")]
#[case::scrypt(
    "$scrypt$ln=18,r=7,p=1$mTOmNCZkrPUeA2DsndP6nw$tJSLovlVY7tAnnS9W6Dv6n3J00S3wAcHGBmuKXQ9e/E"
)]
#[case::argon2(
    "$argon2id$v=19$m=262144,t=16,p=16$yzmHkNJaS2nNWSvl3Ls3pg$nqw66UmSf4fHhhvqln9VVT2WECZLLU5UDV2l74JSDUQ"
)]
#[case::pbkdf2("pbkdf2_sha256$4000000$seasalt$1XtEOAQ3kQetII+9ePdobijE5U0UVZF5/sGxl/Ie8Ao=")]
#[case::sha_crypt(
    "$6$rounds=656000$MxfqJA1OdYGuK9Ga$/iQ9OJzRocU9JGjZu71h.XUNUZB82NYbMrQQP4Yg.1qETw8WOGLBYX1lIvZSwIddnBrsKJWzytf/i5EOsLzua1"
)]
fn the_dearest_that_are_in_use_are_read(#[case] written: &str) {
    let Ok(Form::Known(known)) = read(written) else {
        panic!("it was refused")
    };
    assert_eq!(Cost::parse(&known.cost.written()), Some(known.cost));
}

#[rstest]
#[case::nothing("", UnreadableHash::NoPassword)]
#[case::django_without_a_password("!Vq0uXo3TzHk", UnreadableHash::NoPassword)]
#[case::a_locked_account("*", UnreadableHash::NoPassword)]
#[case::the_faulty_bcrypt(
    "$2x$04$fnNfWBEgaV3snohO3qXOfekx4cyKmtgCabT1SNk/iTBhDicHhpF6y",
    UnreadableHash::Broken("the first or the faulty bcrypt")
)]
#[case::md5_crypt("$1$abcdefgh$3Gm4b2oQOUXeLGpXyXKLn/", UnreadableHash::Broken("MD5"))]
#[case::phpass("$P$B55D6LjfHDkINU5wF.v2BuuzO0/XPk/", UnreadableHash::Broken("MD5"))]
#[case::ldap_md5("{SMD5}jNoSMNY0cybfuBWiaGlFw3Mfi/U=", UnreadableHash::Broken("MD5"))]
#[case::django_md5(
    "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
    UnreadableHash::Broken("MD5")
)]
#[case::hex("5f4dcc3b5aa765d61d8327deb882cf99", UnreadableHash::Unknown)]
#[case::a_password_in_clear("{CLEARTEXT}secret", UnreadableHash::Unknown)]
#[case::yescrypt(
    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
    UnreadableHash::Unknown
)]
#[case::other_json("{\"a\":1", UnreadableHash::Unknown)]
#[case::a_short_hash(
    "$pbkdf2-sha256$1000$BQAAQAghBOC8937vHUOotQ$bQqLC/xjLEY",
    UnreadableHash::Malformed("PBKDF2")
)]
#[case::no_rounds(
    "pbkdf2_sha256$0$seasalt$1XtEOAQ3kQetII+9ePdobijE5U0UVZF5/sGxl/Ie8Ao=",
    UnreadableHash::Malformed("Django")
)]
#[case::a_sign(
    "$pbkdf2-sha256$+1000$BQAAQAghBOC8937vHUOotQ$bQqLC/xjLEafKrYEmQtlPt6I091WMvqpxh32VWylQww",
    UnreadableHash::Malformed("PBKDF2")
)]
#[case::few_rounds(
    "$6$rounds=10$MxfqJA1OdYGuK9Ga$/iQ9OJzRocU9JGjZu71h.XUNUZB82NYbMrQQP4Yg.1qETw8WOGLBYX1lIvZSwIddnBrsKJWzytf/i5EOsLzua1",
    UnreadableHash::Malformed("SHA-crypt")
)]
#[case::a_short_signer_key(
    "$firescrypt$ln=4,r=8,p=1$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1Q=$Bw==$jxspr8Ki",
    UnreadableHash::Malformed("Firebase")
)]
fn what_is_no_hash_is_refused_with_the_reason(
    #[case] written: &str,
    #[case] reason: UnreadableHash,
) {
    assert_eq!(read(written).err(), Some(reason));
    assert!(reason.to_string().starts_with("the password_hash "));
}

#[test]
fn a_fast_digest_is_stored_inside_of_a_hash_of_ours() {
    let passwords = Passwords::start(PasswordSettings::default()).unwrap();
    let imported = ImportedHash::read("{SSHA}vD/d4GjDmzprO4IDXTbTemv1Bq/BOAdg").unwrap();
    let stored = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(passwords.import(&imported))
        .unwrap();
    assert!(
        stored.starts_with("$digest-sha1$wTgHYA==$argon2id$v=19$m=19456,"),
        "{stored}"
    );
    assert!(!stored.contains("vD/d4GjDmzprO4IDXTbTemv1"));
    assert_eq!(cost_of(&stored).as_deref(), Some("m=19456,t=2,p=1"));
}

proptest! {
    #[test]
    fn no_text_takes_it_out_of_step(
        start in prop::sample::select(vec![
            "", "$argon2id$v=19$", "$scrypt$ln=", "$pbkdf2-sha256$", "$2b$12$", "$bcrypt-sha256$v=2,t=2b,r=", "$wp$2y$", "$5$",
            "$6$rounds=", "pbkdf2_sha256$", "scrypt$", "bcrypt_sha256$$", "{SSHA}", "{CRYPT}$", "{\"credentialData\":", "$firescrypt$",
            "$fbscrypt$v=1,n=", "$digest-sha1$",
        ]),
        rest in "[0-9a-zA-Z$=,./+\u{e9}{}\":]{0,80}",
    ) {
        let text = format!("{start}{rest}");
        if let Ok(Form::Known(known)) = read(&text) {
            prop_assert_eq!(Cost::parse(&known.cost.written()), Some(known.cost));
        }
        prop_assert_eq!(Cost::parse(&text), None);
    }
}
