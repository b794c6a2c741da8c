//! Pixels: decoding within a budget, scaling, cropping, encoding (contract/13 §3, Pixels).

use std::io::Cursor;

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, Frame, ImageDecoder, ImageFormat, ImageReader, Limits, RgbaImage};

/// Pixels of an original that is decoded, and of a thumb: 4 bytes each while it is worked on. A phone's photograph has
/// 12 to 50 million; what claims more is served as it is.
const PIXELS_MAX: u64 = 50_000_000;
/// Bytes that a decoder may take: the pixels in 16 bits a channel, and room for its tables.
const DECODE_BYTES_MAX: u64 = PIXELS_MAX * 8 + (16 << 20);
const JPEG_QUALITY: u8 = 95;

/// What a size such as `100x50t` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThumbSize {
    /// 0: by the aspect.
    width: u32,
    height: u32,
    mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    FillCentre,
    FillTop,
    FillBottom,
    Fit,
}

/// A finished thumb.
pub struct Thumb {
    pub bytes: Vec<u8>,
    pub content_type: &'static str,
}

/// The part of an image that is kept, in its own pixels, and what it is scaled to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Plan {
    left: f64,
    top: f64,
    crop_width: f64,
    crop_height: f64,
    width: u32,
    height: u32,
}

impl ThumbSize {
    pub fn parse(text: &str) -> Option<Self> {
        let (sides, mode) = match text.as_bytes().last()? {
            b't' => (&text[..text.len() - 1], Mode::FillTop),
            b'b' => (&text[..text.len() - 1], Mode::FillBottom),
            b'f' => (&text[..text.len() - 1], Mode::Fit),
            _ => (text, Mode::FillCentre),
        };
        let (width, height) = sides.split_once('x')?;
        let side = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| text.parse().ok()).flatten()
        };
        let size = Self { width: side(width)?, height: side(height)?, mode };
        (size.width > 0 || size.height > 0).then_some(size)
    }

    fn plan(self, width: u32, height: u32) -> Option<Plan> {
        let (w, h) = (f64::from(width), f64::from(height));
        let (to_w, to_h) = (f64::from(self.width), f64::from(self.height));
        let whole = |scale: f64| Plan {
            left: 0.0,
            top: 0.0,
            crop_width: w,
            crop_height: h,
            width: ((w * scale).round() as u32).max(1),
            height: ((h * scale).round() as u32).max(1),
        };
        let plan = match (self.width, self.height, self.mode) {
            (0, _, _) => whole(to_h / h),
            (_, 0, _) => whole(to_w / w),
            (_, _, Mode::Fit) => whole((to_w / w).min(to_h / h).min(1.0)),
            (to_width, to_height, mode) => {
                let scale = (to_w / w).max(to_h / h);
                let (crop_width, crop_height) = ((to_w / scale).min(w), (to_h / scale).min(h));
                let top = match mode {
                    Mode::FillTop => 0.0,
                    Mode::FillBottom => h - crop_height,
                    Mode::FillCentre | Mode::Fit => (h - crop_height) / 2.0,
                };
                Plan { left: (w - crop_width) / 2.0, top, crop_width, crop_height, width: to_width, height: to_height }
            }
        };
        (u64::from(plan.width) * u64::from(plan.height) <= PIXELS_MAX).then_some(plan)
    }
}

/// How many pixels an image says it has; `None` for none that is decoded.
pub fn pixels_of(original: &[u8]) -> Option<u64> {
    let (width, height) = ImageReader::new(Cursor::new(original)).with_guessed_format().ok()?.into_dimensions().ok()?;
    Some(u64::from(width) * u64::from(height)).filter(|pixels| (1..=PIXELS_MAX).contains(pixels))
}

/// The thumb of an image; `None` for what can't be decoded, or not within the budget.
pub fn thumb_of(original: &[u8], size: ThumbSize) -> Option<Thumb> {
    pixels_of(original)?; // told by the header: nothing beyond the budget is decoded
    let (image, format) = decode(original)?;
    let plan = size.plan(image.width(), image.height())?;
    let scaled = scale(image, plan)?;
    encode(scaled, format)
}

/// The first frame, turned as its orientation says.
fn decode(original: &[u8]) -> Option<(DynamicImage, ImageFormat)> {
    let mut reader = ImageReader::new(Cursor::new(original)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODE_BYTES_MAX);
    reader.limits(limits);
    let format = reader.format()?;
    let mut decoder = reader.into_decoder().ok()?;
    let orientation = decoder.orientation().ok()?;
    let mut image = DynamicImage::from_decoder(decoder).ok()?;
    image.apply_orientation(orientation);
    Some((image, format))
}

fn scale(image: DynamicImage, plan: Plan) -> Option<RgbaImage> {
    let source = DynamicImage::ImageRgba8(image.into_rgba8());
    let mut target = DynamicImage::new_rgba8(plan.width, plan.height);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(
        plan.left,
        plan.top,
        plan.crop_width,
        plan.crop_height,
    );
    Resizer::new().resize(&source, &mut target, &options).ok()?;
    Some(target.into_rgba8())
}

fn encode(image: RgbaImage, format: ImageFormat) -> Option<Thumb> {
    let mut bytes = Vec::new();
    let content_type = match format {
        ImageFormat::Jpeg => {
            let opaque = DynamicImage::ImageRgba8(image).into_rgb8();
            JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(&opaque).ok()?;
            "image/jpeg"
        }
        ImageFormat::Gif => {
            GifEncoder::new(&mut bytes).encode_frame(Frame::new(image)).ok()?;
            "image/gif"
        }
        _ => {
            DynamicImage::ImageRgba8(image).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).ok()?;
            "image/png"
        }
    };
    Some(Thumb { bytes, content_type })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        DynamicImage::new_rgba8(width, height).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        bytes
    }

    fn dimensions(thumb: &Thumb) -> (u32, u32) {
        let image = image::load_from_memory(&thumb.bytes).unwrap();
        (image.width(), image.height())
    }

    #[test]
    fn sizes() {
        for (size, original, thumb) in [
            ("60x40", (200, 100), (60, 40)),
            ("60x40", (20, 10), (60, 40)),
            ("60x40t", (200, 100), (60, 40)),
            ("60x40b", (100, 300), (60, 40)),
            ("60x40f", (200, 100), (60, 30)),
            ("60x40f", (20, 10), (20, 10)),
            ("0x30", (200, 100), (60, 30)),
            ("0x30f", (20, 10), (60, 30)),
            ("30x0", (200, 100), (30, 15)),
            ("1x0", (100, 10), (1, 1)),
        ] {
            let made = thumb_of(&png(original.0, original.1), ThumbSize::parse(size).unwrap()).unwrap();
            assert_eq!(dimensions(&made), thumb, "{size} of {original:?}");
            assert_eq!(made.content_type, "image/png");
        }
        for size in ["", "x", "0x0", "0x0t", "10", "ax5", "5x5x", "-1x5", "99999999999x1"] {
            assert_eq!(ThumbSize::parse(size), None, "{size}");
        }
    }

    #[test]
    fn the_crop_keeps_what_its_letter_says() {
        // Red above, blue below.
        let image =
            RgbaImage::from_fn(10, 30, |_, y| image::Rgba(if y < 15 { [255, 0, 0, 255] } else { [0, 0, 255, 255] }));
        let mut bytes = Vec::new();
        DynamicImage::ImageRgba8(image).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        let pixel = |size: &str| {
            let thumb = thumb_of(&bytes, ThumbSize::parse(size).unwrap()).unwrap();
            image::load_from_memory(&thumb.bytes).unwrap().into_rgba8().get_pixel(0, 0).0
        };
        assert_eq!(pixel("10x10t"), [255, 0, 0, 255]);
        assert_eq!(pixel("10x10b"), [0, 0, 255, 255]);
    }

    #[test]
    fn formats_stay_but_for_webp() {
        for (format, content_type) in [
            (ImageFormat::Jpeg, "image/jpeg"),
            (ImageFormat::Gif, "image/gif"),
            (ImageFormat::WebP, "image/png"),
            (ImageFormat::Png, "image/png"),
        ] {
            let mut bytes = Vec::new();
            DynamicImage::new_rgb8(20, 10).write_to(&mut Cursor::new(&mut bytes), format).unwrap();
            let thumb = thumb_of(&bytes, ThumbSize::parse("10x0").unwrap()).unwrap();
            assert_eq!((dimensions(&thumb), thumb.content_type), ((10, 5), content_type));
        }
    }

    #[test]
    fn what_is_broken_or_claims_too_many_pixels_has_no_thumb() {
        let size = ThumbSize::parse("10x10").unwrap();
        let good = png(20, 20);
        assert!(thumb_of(&good[..40], size).is_none());
        assert!(thumb_of(b"no image", size).is_none());
        let mut bomb = good.clone();
        bomb[16..20].copy_from_slice(&50_000_u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&50_000_u32.to_be_bytes());
        let checksum = crc32fast::hash(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
        assert!(thumb_of(&bomb, size).is_none());
        assert!(thumb_of(&good, ThumbSize::parse("100000x100000").unwrap()).is_none());
    }
}
