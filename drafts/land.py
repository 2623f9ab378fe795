"""Copy results into notebooks/results: new seeds, arms, and the old runs as arms at a constant rate."""
import json, shutil, pathlib, os
R, N = pathlib.Path("notebooks/results"), pathlib.Path("outputs/new_results")
for model, title in (("cnn_basic", "CNN, basic"), ("cnn_advanced", "CNN, advanced")):
    for seed in range(5):
        target = R / f"{model}__constant_rate" / f"seed_{seed}.json"
        if not target.exists():
            d = json.loads((R / model / f"seed_{seed}.json").read_text())
            d |= {"model": f"{model}__constant_rate", "title": f"{title}, constant rate", "variant_of": model,
                  "reported_accuracy": None, "reported_note": ""}
            target.parent.mkdir(exist_ok=True)
            target.write_text(json.dumps(d, indent=1, ensure_ascii=False) + "\n")
for folder in sorted(N.glob("cnn_*")):
    for file in sorted(folder.glob("seed_*")):
        if "__" in folder.name and file.suffix != ".json": continue
        (R / folder.name).mkdir(exist_ok=True); shutil.copy(file, R / folder.name / file.name)
