"""Explaining (notebook 15): what a network looks at, what it holds, what it would draw."""

import numpy as np
from scipy import ndimage, stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import data, evaluation, pipeline, settings
from helpers.layers import in_float32, keras
from helpers.topics import transfer

PROBE_PENALTY = 100.0
SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)
FIRST_RATE = 0.05
BLUR_EVERY = 4


def last_maps(model):
    """Return the name of the layer whose feature maps are the last that still have places.

    Pooling and dropout after it are passed over: before them the maps are finer and say the same.
    Raises UserError if the functional `model` has no convolution.
    """
    if not any("Conv" in type(layer).__name__ for layer in model.layers):
        raise settings.UserError(
            f"{model.name} has no convolution, so it has no feature maps: pass a convolutional "
            "network, or use occlusion(), which needs none."
        )
    passed_over = ("Pooling", "Dropout", "InputLayer")
    return [
        layer.name
        for layer in model.layers
        if len(layer.output.shape) == 4
        and not any(part in type(layer).__name__ for part in passed_over)
    ][-1]


def grad_cam(model, images, classes=None, layer=None, pixel_range=(0.0, 1.0), batch_size=100):
    """Return where a network finds its evidence for a class, (N, height, width), by Grad-CAM.

    The maps of one layer (by default that of `last_maps`) are added up, each with the mean slope of
    the class's score, before the softmax, with respect to it as weight; what is negative speaks for
    other classes and becomes 0. `classes` is one or one per image, by default those that the model
    predicts. Computed in float32. Raises UserError if there is no such layer or it has no maps, or
    images or classes do not fit. Source: Selvaraju et al., "Grad-CAM", arXiv:1610.02391, 2016.
    """
    found = []
    for maps, slopes in _slopes(model, images, classes, layer, pixel_range, batch_size):
        found.append((slopes.mean(axis=(1, 2), keepdims=True) * maps).sum(axis=-1))
    return _enlarged(np.maximum(np.concatenate(found), 0), images)


def gradient_activation(
    model, images, classes=None, layer=None, pixel_range=(0.0, 1.0), batch_size=100
):
    """Return a network's evidence for a class, (N, height, width), by gradient × activation.

    As `grad_cam`, but each place of each map counts with its own slope, not with the mean of all
    places. After a global maximum only one place of a map has a slope. Raises UserError as
    `grad_cam`. Source: Shrikumar et al., arXiv:1605.01713, 2016.
    """
    found = [
        (slopes * maps).sum(axis=-1)
        for maps, slopes in _slopes(model, images, classes, layer, pixel_range, batch_size)
    ]
    return _enlarged(np.maximum(np.concatenate(found), 0), images)


def _slopes(model, images, classes, layer, pixel_range, batch_size):
    """Yield the maps of a layer and the slopes of the class's score at each of their places."""
    import tensorflow as tf

    layer = layer or last_maps(model)
    _check_layers(model, [layer])
    if len(model.get_layer(layer).output.shape) != 4:
        raise settings.UserError(
            f"The layer {layer} has no feature maps: name one whose output has height, width and "
            "channels."
        )
    prepared = _prepared(model, images, pixel_range)
    classes = _classes(model, classes, len(images))
    network, scores = _with_scores(model, [layer])
    for start in range(0, len(images), batch_size):
        batch = tf.convert_to_tensor(prepared[start : start + batch_size])
        with tf.GradientTape() as tape:
            tape.watch(batch)
            maps, score = scores(network(batch, training=False))
            asked = tf.argmax(score, axis=1) if classes is None else classes[start:][: len(batch)]
            chosen = tf.gather(score, asked, axis=1, batch_dims=1)
        yield maps.numpy(), tape.gradient(chosen, maps).numpy()


def _enlarged(heat, images):
    large = keras.ops.image.resize(heat[..., None], images.shape[1:])
    return keras.ops.convert_to_numpy(large)[..., 0]


def hidden_patches(shape, size=6, stride=2):
    """Return the places of a square patch that moves over an image of a shape (height, width).

    The result, (places, height, width) bool, is True where the patch of `size` pixels lies. It
    moves by `stride` pixels; the last place of a row and of a column ends at the border, so that
    every pixel is covered. Raises UserError if the patch is larger than the image or leaves pixels
    out.
    """
    if not 1 <= stride <= size <= min(shape):
        raise settings.UserError(
            f"A patch of {size} pixels with steps of {stride} does not fit an image of "
            f"{shape[0]} × {shape[1]}: choose 1 ≤ stride ≤ size ≤ the image's side."
        )
    starts = [sorted({*range(0, side - size, stride), side - size}) for side in shape]
    patches = np.zeros((len(starts[0]) * len(starts[1]), *shape), bool)
    corners = ((top, left) for top in starts[0] for left in starts[1])
    for patch, (top, left) in zip(patches, corners, strict=True):
        patch[top : top + size, left : left + size] = True
    return patches


def predict_hidden(model, images, patches, pixel_range=(0.0, 1.0), batch_size=500):
    """Return what a model says about each image with each of some patches hidden: (N, P, classes).

    In `patches`, (P, height, width) bool, True marks the pixels that become background, 0. Raises
    UserError if images or patches do not fit the model.
    """
    _check_size(model, images)
    patches = np.asarray(patches)
    if patches.dtype != bool or patches.ndim != 3 or patches.shape[1:] != images.shape[1:]:
        raise settings.UserError(
            f"Patches of shape {patches.shape} and type {patches.dtype} do not fit images of "
            f"shape {images.shape}: pass hidden_patches(images.shape[1:])."
        )
    covered = np.where(patches[None], np.uint8(0), images[:, None])
    covered = covered.reshape(-1, *images.shape[1:])
    found = evaluation.predict(model, covered, pixel_range, batch_size)
    return found.reshape(len(images), len(patches), -1)


def occlusion(
    model, images, classes=None, size=6, stride=2, pixel_range=(0.0, 1.0), batch_size=500
):
    """Return how much an answer suffers where a part of the image is hidden.

    A square of background moves over the image, see `hidden_patches`. Each pixel gets the mean fall
    of the logarithm of the class's probability over all squares that cover it: (N, height, width)
    in nats, positive where the pixels speak for the class. Only asks the model, so any classifier
    will do. Raises UserError if images, classes or patch do not fit. Source: Zeiler and Fergus,
    "Visualizing and Understanding Convolutional Networks", arXiv:1311.2901, 2013.
    """
    _check_size(model, images)
    classes = _classes(model, classes, len(images))
    nothing = np.zeros((1, *images.shape[1:]), bool)
    patches = hidden_patches(images.shape[1:], size, stride)
    probabilities = predict_hidden(
        model, images, np.concatenate([nothing, patches]), pixel_range, batch_size
    )
    if classes is None:
        classes = probabilities[:, 0].argmax(axis=1)
    chosen = np.take_along_axis(probabilities, classes[:, None, None], axis=2)[..., 0]
    logarithms = np.log(np.maximum(chosen, SMALLEST_PROBABILITY))
    falls = logarithms[:, :1] - logarithms[:, 1:]
    return np.tensordot(falls, patches.astype(np.float32), axes=1) / patches.sum(axis=0)


def deletion_curves(
    model, images, maps, classes=None, steps=20, seed=0, pixel_range=(0.0, 1.0), batch_size=500
):
    """Return how a class's probability falls as pixels are removed, the hottest first.

    Removed pixels become background, 0, in `steps` equal parts, those with the greatest value in
    `maps`, (N, height, width), first. Pixels that are equally hot go in random order, so that a map
    of zeros stands for a random order. Returns the probability, (N, steps + 1), with 0, 1/steps, …,
    all pixels removed. Raises UserError if maps or classes do not fit the images. Source: Petsiuk,
    Das and Saenko, "RISE", arXiv:1806.07421, 2018.
    """
    _check_size(model, images)
    maps, classes = _heat(maps, images), _classes(model, classes, len(images))
    flat = maps.reshape(len(maps), -1)
    ties = np.random.default_rng(seed).random(flat.shape)
    ranks = np.lexsort((ties, -flat), axis=1).argsort(axis=1)
    removed = np.round(np.linspace(0, flat.shape[1], steps + 1))[None, :, None]
    kept = np.where(ranks[:, None] < removed, 0, images.reshape(len(images), 1, -1))
    stacked = kept.astype(np.uint8).reshape(-1, *images.shape[1:])
    found = evaluation.predict(model, stacked, pixel_range, batch_size)
    found = found.reshape(len(images), steps + 1, -1)
    if classes is None:
        classes = found[:, 0].argmax(axis=1)
    return np.take_along_axis(found, classes[:, None, None], axis=2)[..., 0]


def interval(values):
    """Return mean, low and high: the mean over images and its 95 % interval, normal approximation.

    `values` has the shape (N, …), one number or row of numbers an image. Raises UserError if there
    are fewer than two images.
    """
    values = np.asarray(values, float)
    if values.ndim == 0 or len(values) < 2:
        raise settings.UserError("An interval needs a spread: pass values of two or more images.")
    mean, half = values.mean(axis=0), stats.norm.ppf(0.975) * stats.sem(values, axis=0)
    return mean, mean - half, mean + half


def randomised(model, layers, seed=0):
    """Return a float32 copy of a network of which some layers have forgotten what they learned.

    They get new starting weights; the others keep theirs. Raises UserError if the model has no such
    layer. Source: Adebayo et al., "Sanity Checks for Saliency Maps", arXiv:1810.03292, 2018.
    """
    _check_layers(model, layers)
    keras.utils.set_random_seed(seed)
    copied = _copy(model)
    for old, new in zip(model.layers, copied.layers, strict=True):
        if old.name not in layers:
            new.set_weights(old.get_weights())
    return copied


def rank_correlation(first, second):
    """Return how far two maps of each image agree in the order of their pixels.

    Both have the shape (N, height, width). The result, (N,), is Spearman's correlation, from −1 to
    1; 0 where a map is the same everywhere and so ranks nothing. Raises UserError if the shapes
    differ.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape or first.ndim != 3 or 0 in first.shape:
        raise settings.UserError(
            f"Maps of the shapes {first.shape} and {second.shape} cannot be compared: pass two "
            "arrays (N, height, width) of the same images."
        )
    ranks = [stats.rankdata(each.reshape(len(each), -1), axis=1) for each in (first, second)]
    one, other = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    length = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return (one * other).sum(axis=1) / np.where(length > 0, length, 1.0)


def activations(model, images, layers, pixel_range=(0.0, 1.0)):
    """Return what several layers make of a few images, by layer: (N, …) float32.

    All images pass through the network at once. Raises UserError if the model has no such layer, or
    the images do not fit it.
    """
    _check_layers(model, layers)
    prepared = _prepared(model, images, pixel_range)
    network = keras.Model(model.input, [model.get_layer(name).output for name in layers])
    outputs = network(prepared, training=False)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    found = [keras.ops.convert_to_numpy(keras.ops.cast(each, "float32")) for each in outputs]
    return dict(zip(layers, found, strict=True))


def features(model, images, layer, cells=7, pixel_range=(0.0, 1.0), batch_size=500):
    """Return the output of one layer as one vector per image, (N, numbers) float32.

    Feature maps are averaged within `cells` equal cells along height and width, so that layers of
    different resolution can be compared; smaller maps stay as they are. Raises UserError if the
    model has no such layer, the images do not fit it, or the cells do not divide the feature maps.
    """
    _check_layers(model, [layer])
    prepared = _prepared(model, images, pixel_range)
    output = model.get_layer(layer).output
    if len(output.shape) == 4 and output.shape[1] > cells:
        if output.shape[1] % cells or output.shape[2] % cells:
            raise settings.UserError(
                f"Maps of {output.shape[1]} × {output.shape[2]} cannot be divided into {cells} × "
                f"{cells} equal cells: choose a number that divides both sides."
            )
        window = (output.shape[1] // cells, output.shape[2] // cells)
        output = keras.layers.AveragePooling2D(window, dtype="float32")(output)
    infer = evaluation.inference_function(keras.Model(model.input, output))
    starts = range(0, len(images), batch_size)
    found = np.concatenate([infer(prepared[start : start + batch_size]) for start in starts])
    return found.reshape(len(images), -1)


def linear_probe(vectors, labels):
    """Fit the simplest classifier to vectors, to learn how well a plane separates the classes.

    Standardisation and logistic regression, with the same penalty for all vectors, (N, numbers).
    Raises UserError if vectors and labels do not fit each other. Source: Alain and Bengio,
    "Understanding Intermediate Layers Using Linear Classifier Probes", arXiv:1610.01644, 2016.
    """
    vectors, labels = np.asarray(vectors), np.asarray(labels)
    if vectors.ndim != 2 or labels.shape != vectors.shape[:1] or len(np.unique(labels)) < 2:
        raise settings.UserError(
            f"Vectors of shape {vectors.shape} and labels of shape {labels.shape} make no probe: "
            "pass an array (N, numbers) and N labels of two classes or more."
        )
    regression = LogisticRegression(C=1 / PROBE_PENALTY, max_iter=1000, tol=1e-3)
    return make_pipeline(StandardScaler(), regression).fit(vectors, labels)


def maximise_class(
    model, classes, steps=200, seed=0, jitter=2, blur=1.0, fade=0.005, pixel_range=(0.0, 1.0)
):
    """Draw images that raise a class's score as far as it goes, by gradient ascent on the pixels.

    Each step moves the images by up to `jitter` random pixels (what counts must not hang on one
    exact place), climbs the score before the softmax, and lets all pixels `fade` a little towards
    background; a `blur`, of so many pixels, that becomes weaker keeps neighbours alike. Without
    these three, the climb ends in noise. Returns one image per class, uint8. Raises UserError if a
    class is unknown or a setting is negative. Sources: Simonyan, Vedaldi and Zisserman,
    arXiv:1312.6034, 2013; blur and fading: Yosinski et al., arXiv:1506.06579, 2015; the moves:
    Mordvintsev, Olah and Tyka, "Inceptionism", 2015.
    """
    if steps < 1 or min(jitter, blur, fade) < 0:
        raise settings.UserError(
            "maximise_class needs at least one step, and jitter, blur and fade of 0 or more."
        )
    classes = _classes(model, list(classes), len(classes))
    low, high = pixel_range
    shape = (len(classes), *model.input_shape[1:])
    generator = np.random.default_rng(seed)
    pixels = keras.Variable(generator.uniform(0, 0.2, shape), dtype="float32", name="pixels")
    rate = keras.optimizers.schedules.PolynomialDecay(FIRST_RATE, steps, end_learning_rate=0.0)
    optimizer = keras.optimizers.Adam(rate, beta_2=0.99)
    slope = _slope(model, classes, low, high)
    for step in range(steps):
        left = 1 - step / steps
        move = generator.integers(-jitter, jitter + 1, 2)
        uphill = np.roll(slope(np.roll(pixels.numpy(), move, axis=(1, 2))), -move, axis=(1, 2))
        optimizer.apply([-uphill], [pixels])
        drawn = pixels.numpy() - fade * left
        if step % BLUR_EVERY == 0:
            drawn = ndimage.gaussian_filter(drawn, (0, blur * left, blur * left, 0))
        pixels.assign(np.clip(drawn, 0, 1))
    return np.round(255 * pixels.numpy()[..., 0]).astype(np.uint8)


def _slope(model, classes, low, high):
    """Return a function from pixels in [0, 1] to the slope of the scores of `classes`."""
    import tensorflow as tf

    network, scores = _with_scores(model, [])
    wanted = tf.one_hot(classes, model.output_shape[-1])

    @tf.function
    def slope(pixels):
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            (score,) = scores(network(low + (high - low) * pixels, training=False))
            total = tf.reduce_sum(score * wanted)
        return tape.gradient(total, pixels)

    return lambda pixels: slope(tf.convert_to_tensor(pixels)).numpy()


def _with_scores(model, layers):
    """Return a float32 network that gives the layers' outputs, and what adds the scores to them.

    Scores are the outputs before the softmax; the softmax itself hides them where it is sure.
    """
    twin = in_float32(model)
    hidden, head = transfer.feature_extractor(twin).output, twin.layers[-1]
    network = keras.Model(twin.input, [*(twin.get_layer(name).output for name in layers), hidden])

    def add_scores(outputs):
        outputs = outputs if isinstance(outputs, list) else [outputs]
        scores = keras.ops.matmul(outputs[-1], head.kernel)
        return [*outputs[:-1], scores + head.bias if head.use_bias else scores]

    return network, add_scores


def _copy(model):
    """Return a copy of a network in float32, with starting weights of its own."""

    def copied(layer):
        return type(layer).from_config(layer.get_config() | {"dtype": "float32"})

    return keras.models.clone_model(model, clone_function=copied)


def _prepared(model, images, pixel_range):
    _check_size(model, images)
    return pipeline.prepare_images(images, pixel_range)


def _check_size(model, images):
    data.check_images(images)
    expected = tuple(model.input_shape[1:3])
    if len(images) == 0 or images.shape[1:] != expected:
        raise settings.UserError(
            f"Images of shape {images.shape} do not fit {model.name}: pass at least one image of "
            f"{expected[0]} × {expected[1]} pixels."
        )


def _check_layers(model, layers):
    known = [layer.name for layer in model.layers]
    unknown = [name for name in layers if name not in known]
    if unknown:
        raise settings.UserError(
            f"{model.name} has no layer {unknown[0]!r}: use one of {', '.join(known)}."
        )


def _classes(model, classes, count):
    """Return one class per image as an array, or None where the model's own answer is asked for."""
    if classes is None:
        return None
    classes, known = np.asarray(classes), model.output_shape[-1]
    classes = np.full(count, classes) if classes.ndim == 0 else classes
    whole = np.issubdtype(classes.dtype, np.integer)
    if not whole or classes.shape != (count,) or not ((0 <= classes) & (classes < known)).all():
        raise settings.UserError(
            f"classes do not fit: pass one whole number from 0 to {known - 1}, or one for each of "
            f"the {count} images."
        )
    return classes.astype(np.int64)


def _heat(maps, images):
    maps = np.asarray(maps, float)
    if maps.shape != images.shape or not np.isfinite(maps).all():
        raise settings.UserError(
            f"Maps of shape {maps.shape} do not fit images of shape {images.shape}: pass one map "
            "of finite numbers per image."
        )
    return maps
