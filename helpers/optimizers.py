"""Optimizers and learning-rate schedules that Keras lacks, as classes that Keras can save and load.

`Muon` reaches the kernels of convolutions, which Keras' optimizer of that name leaves to Adam;
`Triangular` rises and falls along straight lines. Warm-up before a cosine is Keras' `CosineDecay`.
"""

from helpers import settings
from helpers.layers import keras

ops = keras.ops

# Jordan's coefficients: the steepest start for small singular values, at the price that the large
# ones end between about 0.7 and 1.2 instead of at 1.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


@keras.saving.register_keras_serializable(package="fashion")
class Triangular(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises along a straight line to a peak and falls along another to zero.

    `steps` are the batches of the whole training, at least 1; from there on the rate is 0. `rise`
    is the share of them until the peak, between 0 and 1. Raises UserError if one lies outside its
    range. Sources: Smith, arXiv:1506.01186, 2015; as one single cycle: Page, "How to Train Your
    ResNet", 2018.
    """

    def __init__(self, peak, steps, rise=0.25):
        super().__init__()
        if steps < 1 or not 0.0 < rise < 1.0:
            raise settings.UserError(
                f"A triangle of {steps} steps with its peak after a share of {rise} does not "
                "exist: pass at least one step (fewer images than a batch holds make none) and a "
                "share between 0 and 1."
            )
        self.peak, self.steps, self.rise = peak, steps, rise

    def __call__(self, step):
        step = ops.cast(step, "float32")
        top = self.rise * self.steps
        height = ops.minimum(step / top, (self.steps - step) / (self.steps - top))
        return self.peak * ops.maximum(height, 0.0)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps, "rise": self.rise}


@keras.saving.register_keras_serializable(package="fashion")
class Muon(keras.optimizers.Optimizer):
    """Momentum whose steps are orthogonal matrices, for the kernels of convolutions as well.

    The momentum of a kernel of shape (height, width, channels, filters) is read as a matrix (height
    × width × channels, filters), and Newton-Schulz iterations bring all its singular values near 1:
    a direction in which the gradient is weak gets as long a step as a strong one. Before each step
    the kernel is scaled to the norm √filters, so that `learning_rate` is the length of a step
    relative to the kernel, or less for a kernel with fewer rows than filters. That suits kernels
    followed by a normalisation, which takes no notice of their scale.

    Everything else (biases, scales and offsets, and kernels whose path holds a word of `exclude`,
    by default the softmax layer) is trained by stochastic gradient descent with Nesterov momentum,
    at `sgd_ratio` times the learning rate; `momentum`, from 0 to 1, is that of both.

    Sources: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
    kellerjordan.github.io/posts/muon; kernels of fixed norm as in Jordan's cifar10-airbench.
    """

    def __init__(
        self,
        learning_rate=0.05,
        momentum=0.9,
        sgd_ratio=1.0,
        iterations_per_step=5,
        exclude=("probabilities",),
        name="muon",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.sgd_ratio = sgd_ratio
        self.iterations_per_step = iterations_per_step
        self.exclude = tuple(exclude)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momenta = [
            self.add_variable_from_reference(variable, name="momentum") for variable in variables
        ]
        self.orthogonalised = [self._is_orthogonalised(variable) for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        momentum = self.momenta[index]
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        averaged = self.momentum * momentum + gradient
        self.assign(momentum, averaged)
        step = gradient + self.momentum * averaged
        if not self.orthogonalised[index]:
            self.assign_sub(variable, rate * self.sgd_ratio * step)
            return
        filters = variable.shape[-1]
        step = orthogonalise(ops.reshape(step, (-1, filters)), self.iterations_per_step)
        scale = filters**0.5 / (ops.norm(ops.reshape(variable, (-1,))) + keras.config.epsilon())
        self.assign(variable, variable * scale - rate * ops.reshape(step, variable.shape))

    def _is_orthogonalised(self, variable):
        return len(variable.shape) > 1 and not any(word in variable.path for word in self.exclude)

    def get_config(self):
        own = ("momentum", "sgd_ratio", "iterations_per_step", "exclude")
        return super().get_config() | {name: getattr(self, name) for name in own}


def orthogonalise(matrix, iterations=5):
    """Bring the singular values of a matrix near 1 and leave its singular vectors as they are.

    Newton-Schulz iterations, matrix products only; five are enough for singular values down to
    about a hundredth of the largest. They end between about 0.7 and 1.2; those of (nearly) zero
    stay there.
    """
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    # A matrix's norm is at least its largest singular value, which must not exceed 1 here.
    x = x / (ops.norm(x) + keras.config.epsilon())
    for _ in range(iterations):
        gram = ops.matmul(x, ops.transpose(x))
        x = a * x + ops.matmul(b * gram + c * ops.matmul(gram, gram), x)
    return ops.transpose(x) if tall else x
