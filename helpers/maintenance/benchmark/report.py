"""The benchmark's figures as tables for a terminal."""

import statistics

from helpers import cost


def heading(found):
    """Say what was measured on what."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {found['versions'][name]}" for name in ("tensorflow", "keras"))
    plain = "on" if found["plain_onednn"] else "off"
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB; "
        f"{versions}\nthe series: {cost.engine(machine)}; plain TensorFlow: oneDNN {plain}\n"
        f"{found['training_images']:,} training and {found['validation_images']:,} "
        f"validation images an epoch, {found['rounds']} rounds in turns"
    )


def rate_table(found):
    """Return the machine's own rates at the residual network's shapes."""
    lines = ["GFLOP/s at the residual network's shapes     float32  bfloat16"]
    for entry in found["rates"]["matrix_product"]:
        sides = f"{entry['rows']} x {entry['inner']} x {entry['columns']}"
        lines.append(_rate_line(f"{entry['library']} product {sides}", entry))
    for entry in found["rates"]["convolution"]:
        maps = f"{entry['batch_size']} x {entry['size']} x {entry['size']}"
        channels = f"{entry['channels_in']} to {entry['channels_out']}"
        lines.append(_rate_line(f"TensorFlow convolution {maps}, {channels}", entry))
    return "\n".join(lines)


def model_table(found):
    """Return one line per model: plain Keras, the engine, and how many times faster it is."""
    lines = [
        f"{'model':24} {'batch':>5} {'plain s':>8} {'engine s':>8} {'images/s':>9} {'GFLOP/s':>8} "
        f"{'ratio min':>9} {'median':>7} {'max':>5} {'GiB plain':>9} {'engine':>7} {'MiB/epoch':>9}"
    ]
    for entry in found["models"]:
        plain, engine, ratio = entry["plain"], entry["engine"], entry["ratio"]
        lines.append(
            f"{entry['model']:24} {entry['batch_size']:5} "
            f"{statistics.median(plain['seconds']):8.2f} "
            f"{statistics.median(engine['seconds']):8.2f} {engine['images_per_second']:9,.0f} "
            f"{engine['gflops']:8.0f} {ratio['minimum']:9.2f} {ratio['median']:7.2f} "
            f"{ratio['maximum']:5.2f} {plain['peak_memory_gib']:9.2f} "
            f"{engine['peak_memory_gib']:7.2f} {engine['growth_mib']:9.1f}"
        )
    return "\n".join([*lines, *_sustained(found)])


def pytorch_table(found):
    """Return the residual network in PyTorch beside the engine."""
    if found["pytorch"] is None:
        return "PyTorch is not installed here, so the residual network was not trained with it."
    lines = [f"residual network beside PyTorch {found['pytorch']['version']}   images/s  GFLOP/s"]
    for key in ("engine", "eager", "compiled"):
        entry = found["pytorch"][key]
        name = key if key == "engine" else f"PyTorch, {key}"
        lines.append(f"{name:42} {entry['images_per_second']:9,.0f} {entry['gflops']:8.0f}")
    return "\n".join(lines)


def ingredient_table(found):
    """Return the seconds per epoch as one ingredient after the other is added."""
    lines = []
    for entry in found["ingredients"]:
        lines.append(f"{entry['model']:42} seconds per epoch (least, median, most)")
        for step in entry["steps"]:
            low, middle, high = _spread(step["seconds"])
            lines.append(f"{step['name']:42} {low:8.2f} {middle:8.2f} {high:8.2f}")
    return "\n".join(lines)


def accuracy_table(found):
    """Return the differences in validation accuracy, engine minus plain Keras."""
    lines = [f"{'validation accuracy, engine minus plain':42} {'mean':>8} {'95 % interval':>20}"]
    for entry in found["accuracy"]:
        mean, low, high = (100 * entry["difference"][key] for key in ("mean", "low", "high"))
        lines.append(
            f"{entry['model'] + ', ' + str(len(entry['plain'])) + ' seeds':42} {mean:+8.2f} "
            f"{f'{low:+.2f} to {high:+.2f}':>20} points"
        )
    return "\n".join(lines)


PARTS = {
    "rates": rate_table,
    "models": model_table,
    "pytorch": pytorch_table,
    "ingredients": ingredient_table,
    "accuracy": accuracy_table,
}


def _rate_line(name, entry):
    rates = (entry.get(dtype) for dtype in ("float32", "bfloat16"))
    return f"{name:42}" + "".join(f" {'-' if rate is None else f'{rate:.0f}':>9}" for rate in rates)


def _sustained(found):
    """Say which share of the machine's own rates the residual network's training sustained."""
    residual = found["residual"]
    if residual is None:
        return []
    return [
        "",
        f"{residual['model']} sustains {residual['gflops']:.0f} GFLOP/s: "
        f"{residual['share_of_matrix_product']:.0%} of the machine's matrix products "
        f"({residual['matrix_product']:.0f}), {residual['share_of_convolution']:.0%} of its "
        f"convolutions ({residual['convolution']:.0f}) at the same shapes",
    ]


def _spread(seconds):
    return min(seconds), statistics.median(seconds), max(seconds)
