//! A small image that is kept where it is needed, and written in a text as a `data:` URL (RFC 2397): what is shown to users is served
//! by us, and no other host learns who looks at it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The largest image, in bytes.
pub const LARGEST: usize = 64 * 1024;

/// An image: SVG, PNG, JPEG or WebP, told apart by how it begins. At most [`LARGEST`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    bytes: Vec<u8>,
    format: Format,
}

/// How an image is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
    Jpeg,
    WebP,
}

impl Format {
    const ALL: [Self; 4] = [Self::Svg, Self::Png, Self::Jpeg, Self::WebP];

    const fn content_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Self::WebP),
            _ => {
                let text = std::str::from_utf8(bytes).ok()?;
                let text = text.trim_start_matches('\u{feff}').trim_start();
                let begins = text.starts_with("<svg") || text.starts_with("<?xml");
                (begins && text.contains("<svg")).then_some(Self::Svg)
            }
        }
    }
}

impl Image {
    /// The image in `bytes`.
    ///
    /// # Errors
    /// What is wrong with them, behind a noun: `is larger than 64 KiB`.
    pub fn new(bytes: Vec<u8>) -> Result<Self, &'static str> {
        if bytes.len() > LARGEST {
            return Err("is larger than 64 KiB");
        }
        let format = Format::of(&bytes).ok_or("is no SVG, PNG, JPEG or WebP")?;
        Ok(Self { bytes, format })
    }

    /// The image that a `data:` URL holds, in base64.
    ///
    /// # Errors
    /// As [`Image::new`]; `is no data: URL of an image in base64` for any other address, which is never fetched.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let no_image = "is no data: URL of an image in base64";
        let (of, base64) = url.split_once(";base64,").ok_or(no_image)?;
        let content_type = of.strip_prefix("data:").ok_or(no_image)?;
        let mut formats = Format::ALL.into_iter();
        let said = formats.find(|format| format.content_type() == content_type);
        // A third more than the bytes: what is longer is not read.
        if base64.len() > LARGEST * 4 / 3 + 4 {
            return Err("is larger than 64 KiB");
        }
        let image = Self::new(STANDARD.decode(base64).map_err(|_| no_image)?)?;
        if said == Some(image.format) {
            Ok(image)
        } else {
            Err("holds another kind of image than it says")
        }
    }

    /// It as a `data:` URL.
    pub fn to_data_url(&self) -> String {
        let base64 = STANDARD.encode(&self.bytes);
        format!("data:{};base64,{base64}", self.content_type())
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value for `Content-Type`.
    pub const fn content_type(&self) -> &'static str {
        self.format.content_type()
    }

    /// What the name of a file ends with that holds it.
    pub const fn extension(&self) -> &'static str {
        match self.format {
            Format::Svg => "svg",
            Format::Png => "png",
            Format::Jpeg => "jpg",
            Format::WebP => "webp",
        }
    }
}

impl Serialize for Image {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_data_url())
    }
}

impl<'de> Deserialize<'de> for Image {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = String::deserialize(deserializer)?;
        Self::parse(&url).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "svg", "image/svg+xml")]
    #[case(b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<svg/>", "svg", "image/svg+xml")]
    #[case(b"\x89PNG\r\n\x1a\n", "png", "image/png")]
    #[case(b"\xff\xd8\xff\xe0", "jpg", "image/jpeg")]
    #[case(b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp", "image/webp")]
    fn an_image_is_told_by_how_it_begins(
        #[case] bytes: &[u8],
        #[case] extension: &str,
        #[case] content_type: &str,
    ) {
        let image = Image::new(bytes.to_vec()).unwrap();
        assert_eq!(
            (image.extension(), image.content_type()),
            (extension, content_type)
        );
        assert_eq!(Image::parse(&image.to_data_url()).unwrap(), image);
    }

    #[rstest]
    #[case::nothing("", "is no data: URL")]
    #[case::elsewhere("https://app.example/logo.png", "is no data: URL")]
    #[case::page("data:text/html;base64,PHN2Zy8+", "holds another kind")]
    #[case::other("data:image/png;base64,PHN2Zy8+", "holds another kind")]
    #[case::markup("data:image/svg+xml;base64,PGh0bWw+", "is no SVG")]
    #[case::not_base64("data:image/svg+xml;base64,<svg/>", "is no data: URL")]
    #[case::parameter(
        "data:image/svg+xml;charset=utf-8;base64,PHN2Zy8+",
        "holds another kind"
    )]
    fn what_is_no_image_is_refused(#[case] url: &str, #[case] told: &str) {
        let refused = Image::parse(url).unwrap_err();
        assert!(refused.starts_with(told), "{refused}");
    }

    #[test]
    fn an_image_is_small() {
        let of = |size: usize| {
            let mut bytes = b"\x89PNG".to_vec();
            bytes.resize(size, 0);
            bytes
        };
        let largest = Image::new(of(LARGEST)).unwrap();
        assert!(Image::parse(&largest.to_data_url()).is_ok());
        assert!(Image::new(of(LARGEST + 1)).is_err());
        let larger = STANDARD.encode(of(LARGEST + 1));
        let refused = Image::parse(&format!("data:image/png;base64,{larger}"));
        assert_eq!(refused.unwrap_err(), "is larger than 64 KiB");
    }
}
