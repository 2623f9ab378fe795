"""Tests of the forms in which pictures come: the data set's images as files, and photographs."""

import io

import numpy as np
import pytest
from PIL import Image

from helpers import data, evaluation, settings
from helpers.topics import photo, pictures, shipped

SAMPLES = 100
# One image of a hundred is a point. Within one point is asked of files that lose nothing, within
# two of JPEG files and enlargements; chance adds one, as a few images stand on edge.
LOSSLESS, LOSSY = 0.02, 0.03
NEAREST, BICUBIC = Image.Resampling.NEAREST, Image.Resampling.BICUBIC


def content(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def black(image):
    return Image.fromarray(image)


def white(image):
    return Image.fromarray(255 - image)


def jpeg(image):
    return content(image, "JPEG", quality=90)


def margin(picture, width, colour):
    sheet = Image.new(picture.mode, tuple(edge + 2 * width for edge in picture.size), colour)
    sheet.paste(picture, (width, width))
    return sheet


def enlarged(picture, edge, kind):
    return picture.resize((edge, edge), kind)


def cut_out(image, picture, mode="RGBA"):
    return Image.merge(
        "LA", (picture, black(np.where(image > 0, 255, 0).astype(np.uint8)))
    ).convert(mode)


def with_palette(image):
    """A palette whose first colour is transparent, as GIF files and small PNG files have it."""
    picture = Image.frombytes("P", image.shape, image.tobytes())
    picture.putpalette([level for grey in range(256) for level in (grey,) * 3])
    return content(picture, transparency=0)


EXACT = {
    "as it is": lambda image: content(black(image)),
    "inverted": lambda image: content(white(image)),
    "in colour": lambda image: content(white(image).convert("RGB")),
    "sixteen bits": lambda image: content(Image.fromarray(image.astype(np.uint16) * 257)),
    "gif": lambda image: content(white(image), "GIF"),
    "pixels": lambda image: image,
    "numbers": lambda image: (image / 255).astype(np.float32),
    "one channel": lambda image: image[..., None],
    "three channels": lambda image: np.repeat(image[..., None], 3, axis=2) / 255,
    "four channels": lambda image: np.asarray(black(image).convert("RGBA")),
    "pillow": white,
    "enlarged twice": lambda image: content(enlarged(black(image), 56, NEAREST)),
    "enlarged to 100": lambda image: content(enlarged(white(image), 100, NEAREST)),
    "enlarged five times": lambda image: content(enlarged(white(image), 140, NEAREST)),
}
CLOSE = {
    "margin of 2": lambda image: content(margin(black(image), 2, 0)),
    "white margin of 9": lambda image: content(margin(white(image), 9, 255)),
    "margin, then enlarged": lambda image: content(
        enlarged(margin(white(image), 4, 255), 144, NEAREST)
    ),
    "trimmed": lambda image: content(black(image).crop(black(image).getbbox())),
    "plotted": lambda image: content(margin(enlarged(black(image), 112, NEAREST), 40, 255)),
    "cut out": lambda image: content(cut_out(image, black(image))),
    "cut out, inverted": lambda image: content(cut_out(image, white(image), "LA")),
    "cut out, in a margin": lambda image: content(
        margin(cut_out(image, white(image)), 6, (0, 0, 0, 0))
    ),
    "palette": with_palette,
    "red frame": lambda image: content(
        margin(enlarged(black(image), 112, NEAREST).convert("RGB"), 4, "red")
    ),
}
BLURRED = {
    "jpeg": lambda image: jpeg(black(image)),
    "jpeg, white": lambda image: jpeg(white(image)),
    "jpeg, white margin": lambda image: jpeg(margin(white(image), 4, 255)),
    "bicubic": lambda image: content(enlarged(black(image), 140, BICUBIC)),
    "bilinear jpeg": lambda image: jpeg(enlarged(white(image), 100, Image.Resampling.BILINEAR)),
    "lanczos": lambda image: content(enlarged(white(image), 112, Image.Resampling.LANCZOS)),
    "bicubic, margin": lambda image: jpeg(margin(enlarged(black(image), 112, BICUBIC), 30, 0)),
    "cut out, bicubic": lambda image: content(
        enlarged(cut_out(image, black(image)), 140, BICUBIC), "WEBP", lossless=True
    ),
}


@pytest.fixture(scope="module")
def sample():
    return data.load_sample().test.take(np.arange(0, 1000, 1000 // SAMPLES))


@pytest.fixture(scope="module")
def network():
    return shipped.load(None)


@pytest.fixture(scope="module")
def direct(sample, network):
    return accuracy(network, sample.images, sample.labels)


def accuracy(network, images, labels):
    return np.mean(evaluation.predict(network, images).argmax(axis=1) == labels)


def prepared(sample, form):
    return np.stack([photo.prepare(form(image)).pixels for image in sample.images])


@pytest.mark.parametrize("form", EXACT)
def test_what_loses_nothing_is_taken_as_it_is(sample, form):
    np.testing.assert_array_equal(prepared(sample, EXACT[form]), sample.images)


@pytest.mark.parametrize("form", CLOSE)
def test_a_margin_or_a_cut_changes_little(sample, network, direct, form):
    found = prepared(sample, CLOSE[form])
    assert accuracy(network, found, sample.labels) >= direct - LOSSLESS
    assert np.mean((found == sample.images).all(axis=(1, 2))) > 0.85


@pytest.mark.parametrize("form", BLURRED)
def test_what_was_blurred_is_recognised(sample, network, direct, form):
    found = prepared(sample, BLURRED[form])
    assert accuracy(network, found, sample.labels) >= direct - LOSSY
    assert np.abs(found.astype(int) - sample.images).mean() < 10


def test_a_telephone_sized_enlargement(sample):
    image = sample.images[0]
    picture = enlarged(white(image), 4000, BICUBIC)
    for file in (content(picture), jpeg(picture)):
        assert np.abs(photo.prepare(file).pixels.astype(int) - image).mean() < 6


def test_polarity_is_told_by_the_border_and_not_by_what_is_more(sample):
    """Of a bag that fills the picture, most pixels are bright: its corners are not."""
    brightest = np.argsort(-sample.images.mean(axis=(1, 2)))[:10]
    for image in sample.images[brightest]:
        assert photo.prepare(image).negative and not photo.prepare(255 - image).negative


def test_pale_images_are_stretched_to_the_range_of_the_data_set(sample):
    image = sample.images[3]
    found = photo.prepare(content(black((image * 0.3).astype(np.uint8)))).pixels
    assert found.max() == 255 and np.abs(found.astype(int) - image).mean() < 4


# Photographs. Dark garments only: of a pale one on a pale table nobody sees the whole.


@pytest.fixture(scope="module")
def garments(sample):
    mean = np.array([image[image > 0].mean() for image in sample.images])
    return sample.images[(mean > 130) & (mean < 220)][:12]


def snapshot(
    image, surface=pictures.OAK, tint=(1, 1, 1), edge=160, fall_off=0.2, noise=0.012, magnified=1
):
    """A photograph of a garment of the data set, in a colour, on a surface."""
    generator = np.random.default_rng(int(image.sum()))
    inner = round(0.7 * edge)
    start = (edge - inner) // 2
    light = np.zeros((edge, edge))
    large = enlarged(black(image), inner, BICUBIC)
    light[start : start + inner, start : start + inner] = np.asarray(large) / 255
    scene = pictures.surface(generator, (edge, edge), surface, fall_off=fall_off)
    garment = (1 - light)[..., None] * np.array(tint)
    scene = pictures.lay(scene, np.float64(light > 0.04), garment, 0.2, 3, 3)
    picture = Image.fromarray(pictures.snapshot(generator, scene, noise))
    return enlarged(picture, magnified * edge, BICUBIC)


def disagreement(image, source):
    """How much of the shape differs, and how far off the pixels are."""
    found = photo.prepare(source).pixels
    return np.mean((found > 40) != (image > 40)), np.abs(found.astype(int) - image).mean()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"surface": (1, 1, 1), "fall_off": 0, "noise": 0},
        {"fall_off": 0.5},
        {"surface": pictures.PLASTER, "tint": (0.9, 0.3, 0.3), "noise": 0.03},
        {"surface": pictures.LINEN, "edge": 60},
        {"surface": pictures.LINEN, "magnified": 5},
    ],
    ids=["oak", "clean white", "uneven light", "red, noisy", "small", "large"],
)
def test_a_garment_on_a_surface_is_found(garments, options):
    found = np.array([disagreement(each, jpeg(snapshot(each, **options))) for each in garments])
    shape, pixels = np.median(found, axis=0)
    assert shape < 0.15 and pixels < 40


def same(first, second):
    return np.abs(first.astype(int) - second).mean() < 3


def test_what_surrounds_a_photograph_changes_nothing(garments):
    for image in garments[:4]:
        picture = snapshot(image)
        plain = photo.prepare(content(picture)).pixels
        bars = Image.new("RGB", (picture.width + 120, picture.height), "black")
        bars.paste(picture, (60, 0))
        glass = Image.new("RGBA", (picture.width + 50, picture.height + 50))
        glass.paste(picture, (25, 25))
        framed = [margin(picture, 5, colour) for colour in ("black", "white", "gold")]
        for each in (bars, glass, *framed):
            assert same(photo.prepare(content(each)).pixels, plain)


def test_the_alpha_channel_is_the_mask(garments):
    """Whatever the colour, and whatever lies hidden where nothing is to be seen."""
    image = garments[0]
    mask = np.asarray(enlarged(black(np.where(image > 0, 255, 0).astype(np.uint8)), 160, BICUBIC))
    textured = np.random.default_rng(0).integers(0, 8, (160, 160, 1))
    shapes = []
    for level in (0, 120, 235, 247):
        colour = np.repeat(level + textured, 3, axis=2).astype(np.uint8)
        steps = photo.prepare(content(Image.fromarray(np.dstack([colour, mask]))))
        assert steps.pixels.max() == 255 and not steps.negative
        shapes.append(np.mean((steps.pixels > 0) != (image > 0)))
    assert max(shapes) < 0.15


def test_a_rectangle_that_was_cut_out_is_an_object():
    for level in (255, 240, 128, 0):
        sheet = Image.new("RGBA", (100, 120))
        sheet.paste((level, level, level, 255), (30, 20, 70, 100))
        pixels = photo.prepare(content(sheet)).pixels
        assert pixels[14, 14] == 255 and (pixels[:, :5] == 0).all()


def test_cut_objects_are_named(garments):
    picture = snapshot(garments[0])
    middle = picture.width // 2
    for box in ((0, 0, middle, picture.height), (0, middle, picture.width, picture.height)):
        with pytest.raises(settings.UserError, match="cut by the edge"):
            photo.prepare(content(picture.crop(box)))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [(300, 400), (280, 280), (560, 560)])
def test_trousers_that_leave_the_picture(mode, size):
    width, height = size
    sheet = Image.new(mode, size, "white")
    for left in (0.3, 0.54):
        sheet.paste(
            (30,) * len(mode), (round(left * width), 0, round((left + 0.16) * width), height)
        )
    with pytest.raises(settings.UserError, match="cut by the edge"):
        photo.prepare(content(sheet))


def test_a_colour_photograph_on_black_is_no_negative():
    sheet = Image.new("RGB", (100, 120))
    sheet.paste((200, 60, 60), (30, 20, 70, 100))
    assert not photo.prepare(content(sheet)).negative
