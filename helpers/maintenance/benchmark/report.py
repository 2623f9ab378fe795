"""The benchmark's figures as tables for a terminal."""

import statistics

import pandas as pd

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
    """Return the machine's own rates, in GFLOP/s, at the residual network's shapes."""
    rates = found["rates"]
    shapes = ["rows", "inner", "columns", "batch_size", "size", "channels_in", "channels_out"]
    tables = []
    for kind in ("matrix_product", "convolution"):
        table = pd.DataFrame(rates[kind]).drop(columns="share")
        kept = [name for name in ("library", *shapes, "float32", "bfloat16") if name in table]
        tables.append(f"{kind}, GFLOP/s\n{_text(table[kept])}")
    return "\n\n".join(tables)


def model_table(found):
    """Return one line per model: plain Keras, the engine, and how many times faster it is."""
    rows = [
        {
            "model": entry["model"],
            "batch": entry["batch_size"],
            "plain s": statistics.median(entry["plain"]["seconds"]),
            "engine s": statistics.median(entry["engine"]["seconds"]),
            "images/s": entry["engine"]["images_per_second"],
            "GFLOP/s": entry["engine"]["gflops"],
            **{f"ratio {key}": value for key, value in entry["ratio"].items()},
            "GiB plain": entry["plain"]["peak_memory_gib"],
            "GiB engine": entry["engine"]["peak_memory_gib"],
            "MiB/epoch": entry["engine"]["growth_mib"],
        }
        for entry in found["models"]
    ]
    residual, sustained = found["residual"], ""
    if residual is not None:
        sustained = (
            f"\n\n{residual['model']} sustains {residual['gflops']:.0f} GFLOP/s: "
            f"{residual['share_of_matrix_product']:.0%} of the machine's matrix products "
            f"({residual['matrix_product']:.0f}), {residual['share_of_convolution']:.0%} of its "
            f"convolutions ({residual['convolution']:.0f}) at the same shapes"
        )
    return _text(pd.DataFrame(rows)) + sustained


def pytorch_table(found):
    """Return the residual network in PyTorch beside the engine."""
    if found["pytorch"] is None:
        return "PyTorch is not installed here, so the residual network was not trained with it."
    rows = {key: entry for key, entry in found["pytorch"].items() if key != "version"}
    table = pd.DataFrame(rows).T[["images_per_second", "gflops"]]
    return (
        f"beside PyTorch {found['pytorch']['version']}\n{table.astype(float).round().to_string()}"
    )


def ingredient_table(found):
    """Return the seconds per epoch as one ingredient after the other is added."""
    rows = [
        (entry["model"], step["name"], min(times), statistics.median(times), max(times))
        for entry in found["ingredients"]
        for step in entry["steps"]
        for times in [step["seconds"]]
    ]
    return _text(
        pd.DataFrame(rows, columns=["model", "seconds per epoch", "least", "median", "most"])
    )


def accuracy_table(found):
    """Return the differences in validation accuracy, engine minus plain Keras, in points."""
    rows = [
        {"model": entry["model"], "seeds": len(entry["plain"])}
        | {key: 100 * value for key, value in entry["difference"].items()}
        for entry in found["accuracy"]
    ]
    return f"validation accuracy, engine minus plain Keras, points\n{_text(pd.DataFrame(rows))}"


PARTS = {
    "rates": rate_table,
    "models": model_table,
    "pytorch": pytorch_table,
    "ingredients": ingredient_table,
    "accuracy": accuracy_table,
}


def _text(table):
    return table.to_string(index=False, float_format=lambda value: f"{value:,.2f}", na_rep="-")
