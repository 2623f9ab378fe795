"""A process that trains one arm, an epoch each time it is asked to.

Every arm has a process of its own, so that its memory is its own and no arm warms another's caches.
It reads one word per line (`epoch` or `end`) and answers with one line of JSON.
"""

import functools
import json
import os
import subprocess
import sys

import numpy as np

from helpers import cost, data, settings

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


class Worker:
    """A running process for one arm, as its parent sees it.

    `onednn` says whether TensorFlow uses oneDNN's operations in it.

    Raises
    ------
    UserError
        If the process ends before it answers.
    """

    def __init__(self, specification):
        command = [
            sys.executable,
            "-m",
            "helpers.maintenance.benchmark.worker",
            json.dumps(specification),
        ]
        self.specification = specification
        self.process = subprocess.Popen(
            command,
            cwd=settings.REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(_has_onednn(specification)),
        )
        self.onednn = self._answer()["onednn"]

    def epoch(self):
        """Return what one more epoch took: `seconds`, `peak_memory_gib` and `growth_mib`."""
        self.process.stdin.write("epoch\n")
        self.process.stdin.flush()
        return self._answer()

    def end(self):
        """Stop the process."""
        if self.process.poll() is None:
            self.process.communicate("end\n")

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            reason = self.process.communicate()[1].strip().splitlines()[-1:] or ["no reason given"]
            raise settings.UserError(
                f"The benchmark of {self.specification} ended early ({reason[0]}): repeat it with "
                "fewer programs running beside it."
            )
        return json.loads(line)


def environment(onednn):
    """Return a worker's environment, with the engine's setting of oneDNN or TensorFlow's own."""
    found = dict(os.environ, PYTHONPATH=str(settings.REPOSITORY))
    if not onednn:
        if found.get(ONEDNN) == settings.ENGINE[ONEDNN]:
            del found[ONEDNN]
        # TensorFlow asks the processor itself, and would not leave oneDNN off as it does where the
        # instructions that are hidden here do not exist.
        if "AVX-512" in cost.instructions()[1]:
            found[ONEDNN] = "0"
    return found


@functools.cache
def plain_onednn():
    """Return whether TensorFlow uses oneDNN's operations here of its own accord, a bool."""
    program = "import tensorflow; from helpers import cost; print(cost.onednn())"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(False), capture_output=True, text=True
    )
    return done.stdout.strip() == "True"


def _has_onednn(specification):
    """Say whether an arm sets oneDNN as the engine does; PyTorch has its own."""
    return specification["ingredients"] in (None, "engine") or (
        "onednn" in specification["ingredients"]
    )


def images(quick, count, validation_count):
    """Return as many real images as asked for, those of the embedded sample in a quick run."""
    dataset = data.load_sample() if quick else data.load()
    order = np.random.default_rng(0).permutation(len(dataset.train))
    if len(order) < count + validation_count:
        order = np.resize(order, count + validation_count)
    chosen = dataset.train.take(order[: count + validation_count])
    numbers = np.arange(len(chosen))
    return chosen.take(numbers[:count]), chosen.take(numbers[count:])


def _serve(specification, answers):
    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    if not _has_onednn(specification):
        import tensorflow  # noqa: F401  Now, as helpers.layers would set the engine's own default.
    training, validation = images(
        specification["quick"], specification["images"], specification["validation_images"]
    )
    if specification["library"] == "PyTorch":
        from helpers.maintenance.benchmark import residual_pytorch

        arm = residual_pytorch.Arm(training, validation, compiled=specification["compiled"])
    else:
        from helpers.maintenance.benchmark import arms

        ingredients = specification["ingredients"]
        if ingredients != arms.ENGINE:
            ingredients = frozenset(ingredients)
        arm = arms.Arm(specification["model"], ingredients, training, validation)
    answer({"onednn": cost.onednn()})
    for line in sys.stdin:
        if line.strip() != "epoch":
            break
        answer({"seconds": arm.epoch(), **arm.memory()})


if __name__ == "__main__":
    protocol = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _serve(json.loads(sys.argv[1]), protocol)
