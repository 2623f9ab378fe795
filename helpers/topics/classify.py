"""Classify (notebook 17): name the garment in a photograph, python classify.py PHOTOGRAPH …

Prints one line a picture; ends with 3 if one could not be read. Stands alone: it needs NumPy,
Pillow, ai-edge-litert and, in its own folder, photo.py, loading.py, model.tflite and model.json.
"""

import glob
import json
import os
import sys
from pathlib import Path

try:
    import numpy as np
    import photo
    from ai_edge_litert.interpreter import Interpreter
except ImportError as error:
    sys.exit(f"{error}: pip install numpy pillow ai-edge-litert")

FOLDER = Path(__file__).parent


def load():
    """Return the interpreter and the card of the network beside this script."""
    interpreter = Interpreter(model_path=str(FOLDER / "model.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    card = json.loads((FOLDER / "model.json").read_text(encoding="utf-8"))
    return interpreter, card


def classify(interpreter, pixels):
    """Return one probability per class for an image, (28, 28) uint8, light on black; its energy."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels[None, ..., None])
    interpreter.invoke()
    logits = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    energy = np.logaddexp.reduce(logits)  # low for what is like nothing that was learned
    return np.exp(logits - energy), energy


def matching(pattern):
    """Return the files that a pattern such as *.jpg means, which Windows leaves to programs."""
    return [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern)) or [pattern]


def main(patterns):
    """Print the three most probable classes of each picture; return the exit status."""
    if not patterns or patterns[0] in ("-h", "--help"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        interpreter, card = load()
    except (OSError, ValueError) as error:
        print(f"{error}: put model.tflite and model.json beside classify.py.", file=sys.stderr)
        return 2
    status = 0
    for path in (path for pattern in patterns for path in matching(pattern)):
        try:
            found, energy = classify(interpreter, photo.prepare(path).pixels)
        except photo.UserError as error:
            print(error)
            status = 3
            continue
        best = np.argsort(-found)[:3]
        top = ", ".join(f"{card['class_names'][index]} {found[index]:.0%}" for index in best)
        strange = energy < card["least_energy"]
        doubt = " (looks like nothing in the data set)" if strange else ""
        print(f"{Path(path).name}: {top}{doubt}")
    return status


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):  # a pipe may lack letters that a name or a class has
        stream.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))
