"""Name the garment in a photograph: python classify.py PHOTOGRAPH ...

Stands alone. Needs NumPy, Pillow, ai-edge-litert and, in its own folder, photo.py, model.tflite
and model.json; no TensorFlow.
"""

import json
import sys
from pathlib import Path

import numpy as np
import photo
from ai_edge_litert.interpreter import Interpreter

FOLDER = Path(__file__).parent


def load():
    """Return the interpreter and the card of the network beside this script."""
    interpreter = Interpreter(model_path=str(FOLDER / "model.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    card = json.loads((FOLDER / "model.json").read_text(encoding="utf-8"))
    return interpreter, card


def probabilities(interpreter, pixels):
    """Return one probability per class for an image, (28, 28) uint8, light on black."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels[None, ..., None])
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    return found / found.sum()


def main(paths):
    interpreter, card = load()
    for path in paths:
        try:
            found = probabilities(interpreter, photo.prepare(path).pixels)
        except photo.UserError as error:
            print(f"{Path(path).name}: {error}")
            continue
        best = np.argsort(-found)[:3]
        top = ", ".join(f"{card['class_names'][index]} {found[index]:.0%}" for index in best)
        doubt = " (not sure)" if found.max() < card["least_confidence"] else ""
        print(f"{Path(path).name}: {top}{doubt}")


if __name__ == "__main__":
    main(sys.argv[1:])
