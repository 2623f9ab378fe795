"""`python -m helpers check`: results that today's code contradicts are named."""

import json

import nbformat
import pandas as pd
import pytest
from conftest import BASELINE as MODEL

from helpers import definitions, results
from helpers.maintenance import commands, provenance, stamp


class TestCheck:
    """`--check`: results that today's code contradicts are named."""

    @pytest.fixture
    def store(self, stored, tmp_path, monkeypatch):
        """Store a result of the model as it is built today; returns what `--check` finds of it."""
        from helpers import cost, models

        network = models.build(MODEL)
        honest = {
            "parameters": cost.parameters(network),
            "mflops": cost.flops(network) / 1e6,
        }

        def check(**changes):
            stored(**(honest | changes))
            checked = provenance.check(results.load_all(tmp_path, variants=True))
            return checked.iloc[-1][["commit", "verdict", "why"]].tolist()

        return check

    def test_a_new_result_agrees(self, store):
        commit, verdict, why = store()
        assert (verdict, why) == ("agrees", "")
        assert commit == "-" or len(commit.rstrip("+")) == 10

    def test_a_result_from_before_is_unknown(self, store):
        found = store(commit=None, definitions=None)
        assert found == ["-", "unknown", "made before provenance was kept"]

    def test_a_result_without_the_fields_still_reads(self, stored, tmp_path):
        file = stored()
        document = json.loads(file.read_text())
        for key in ("commit", "definitions"):
            del document[key]
        file.write_text(json.dumps(document))
        result = results.load(MODEL, folder=tmp_path)
        assert result.commit is None and result.definitions is None

    def test_changed_definitions_are_named(self, store, monkeypatch):
        of_model = definitions.of_model

        def changed(*arguments):
            return of_model(*arguments) | {"models.ann_baseline": "0", "models.new": "1"}

        monkeypatch.setattr(definitions, "of_model", changed)
        *_, verdict, why = store()
        assert (verdict, why) == (
            "contradicts",
            "changed since: models.ann_baseline, models.new",
        )

    def test_another_network_of_the_same_name(self, store):
        assert store(parameters=8)[1:] == [
            "contradicts",
            "it has 8 parameters, today's model 235,146",
        ]
        assert "today's model 0.469938" in store(mflops=1.5)[2]

    def test_a_model_that_is_gone(self, store):
        assert "no model of the name cnn_gone" in store(model="cnn_gone")[2]

    def test_an_arm_is_judged_without_its_cost(self, store):
        found = store(model=f"{MODEL}__arm", variant_of=MODEL, parameters=8)
        assert found[1] == "agrees"

    def test_an_ensemble_costs_what_its_members_do(self, store):
        recipe = {"members": [MODEL, MODEL], "member_seeds": [0, 1], "training": {}}
        found = definitions.of_model("ensemble_seeds", recipe)
        ensemble = {"model": "ensemble_seeds", "recipe": recipe, "definitions": found}
        assert "today's model 470,292" in store(**ensemble)[2]
        costs = {"parameters": 470_292, "mflops": 2 * 0.469938}
        assert store(**ensemble, **costs)[1] == "agrees"

    def test_every_view_costs_operations(self, store):
        def of_recipe(recipe):
            return {"recipe": recipe, "definitions": definitions.of_model(MODEL, recipe)}

        mirrored = of_recipe({"views": ["None", "flip"]})
        assert store(**mirrored, mflops=2 * 0.469938)[1] == "agrees"
        assert "today's model 0.939876" in store(**mirrored, mflops=0.469938)[2]

    def test_damaged_probabilities(self, store):
        assert "probabilities are damaged" in store(probabilities_sha256="0")[2]

    def test_a_notebook_that_changed_or_is_gone(self, store, published, monkeypatch):
        path, notebook = published
        before = {"definitions": None, "notebook": path.stem}
        assert store(**before)[2] == "its notebook 01_first holds no full run"
        nbformat.write(notebook, path)
        assert store(**before)[1] == "unknown"
        stamp.code_cells(notebook)[1].source += "\n1"
        nbformat.write(notebook, path)
        assert store(**before)[1:] == [
            "contradicts",
            "its notebook 01_first has changed since its stored run",
        ]
        assert "99_gone does not exist" in store(definitions=None, notebook="99_gone")[2]

    def test_the_command(self, store, stored, tmp_path, capsys):
        store(definitions=None)
        assert commands.main(["check", "--folder", str(tmp_path)]) == 0
        said = capsys.readouterr().out
        assert "unknown  made before provenance was kept" in said
        assert "1 results: 0 agree, 1 unknown, 0 contradict." in said
        stored("cnn_gone", seed=3)
        assert commands.main(["check", "--csv", "--folder", str(tmp_path)]) == 1
        (tmp_path / "check.csv").write_text(capsys.readouterr().out)
        found = pd.read_csv(tmp_path / "check.csv")
        assert found["verdict"].tolist() == ["unknown", "contradicts"]
