"""Declared equivalences: written after a retraining that came out the same, refused otherwise."""

import dataclasses
import json
import os
import shutil

import nbformat
import numpy as np
import pytest

from helpers import data, definitions, runs, settings
from helpers.maintenance import commands, equivalences, provenance, replication, stamp
from helpers.topics import classical

MODEL = "nearest_neighbours"
REASON = "it only reads better"
FIT, SPLIT = "classical.fit", "data.split"
REPLICATE = replication.replicate
COMMAND = ["declare", REASON, "--retrain", f"{MODEL}:0"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """The folder of one result, fitted to a few images of the sample."""
    folder = tmp_path_factory.mktemp("stored")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASHION_PROFILE", "smoke")
        patch.setenv("FASHION_RESULTS_DIR", str(folder))
        runs.finish_classical(fitted(few_images()), few_images().test)
    return folder


def few_images():
    sample = data.load_sample()
    train, test = (part.take(np.arange(200)) for part in (sample.train, sample.test))
    return data.Dataset(train, test, sample.class_names, "a few images")


def fitted(dataset):
    return classical.fit(MODEL, *data.split(dataset.train), 0, neighbours=3, components=20)


@pytest.fixture
def published(stored, tmp_path, monkeypatch):
    """Publish the result, which a retraining finds again; call it to edit the result's file."""
    folder = tmp_path / "published"
    shutil.copytree(stored, folder)
    file = folder / MODEL / "seed_0.json"
    monkeypatch.setattr(settings, "PUBLISHED_RESULTS", folder)
    monkeypatch.setattr(settings, "NOTEBOOKS", tmp_path)
    monkeypatch.setenv("FASHION_PROFILE", "smoke")
    monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(data, "load_profile", few_images)
    again = runs.load(MODEL, 0, folder)
    monkeypatch.setattr(replication, "replicate", lambda *arguments: again)

    def edit(**changes):
        document = json.loads(file.read_text())
        for key, value in changes.items():
            document[key] = document[key] | value if isinstance(value, dict) else value
        file.write_text(json.dumps(document))

    return edit


@pytest.fixture
def write_notebook(tmp_path):
    """Write a notebook of a full run as if definitions had other hashes then; None: not reached."""

    def write(source, **old):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        stamp.stamp(notebook, 0, {}, 1.0)
        old = {name.replace("__", ".", 1): before for name, before in old.items()}
        known = notebook.metadata["fashion"]["definitions"] | old
        known = {name: before for name, before in known.items() if before is not None}
        sources = stamp.sources(notebook, known=known)
        notebook.metadata["fashion"] |= {"definitions": known, "sources": sources}
        nbformat.write(notebook, tmp_path / "01_first.ipynb")

    return write


def verdicts():
    return provenance.check(runs.load_all(settings.PUBLISHED_RESULTS))["verdict"].tolist()


def written():
    path = settings.PUBLISHED_RESULTS / provenance.EQUIVALENCES
    return json.loads(path.read_text()) if path.exists() else []


def today(name):
    return definitions.of_model(MODEL, {})[name]


def test_the_command_declares_what_a_retraining_proves(published, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(replication, "replicate", REPLICATE)
    published(definitions={FIT: "old", SPLIT: "older", "classical.gone": "g"})
    before = (settings.PUBLISHED_RESULTS / MODEL / "seed_0.json").read_bytes()
    assert verdicts() == ["contradicts"]
    assert commands.main(COMMAND) == 0
    said = capsys.readouterr().out
    assert "to declare  classical.fit, classical.gone, data.split\n" in said
    assert f"\nsame again  {MODEL}" in said
    assert said.endswith("nothing is stale any more\n")
    assert verdicts() == ["equivalent"]
    (found,) = written()
    result = runs.load(MODEL, 0, settings.PUBLISHED_RESULTS)
    assert found["changed"] == {
        FIT: [["old", today(FIT)]],
        "classical.gone": [["g", None]],
        SPLIT: [["older", today(SPLIT)]],
    }
    assert (found["reason"], found["commit"]) == (REASON, definitions.commit_at_start())
    assert found["notebooks_only"] == []
    assert found["evidence"] == [
        {
            "model": MODEL,
            "seed": 0,
            "processor": result.machine["processor"],
            "precision": None,
            "probabilities_sha256": result.probabilities_sha256,
            "versions": {name: result.versions[name] for name in equivalences.PACKAGES},
        }
    ]
    assert result.file.read_bytes() == before and not (tmp_path / "elsewhere").exists()
    assert os.environ["FASHION_RESULTS_DIR"] == str(tmp_path / "elsewhere")
    assert commands.main(COMMAND) == 2, "all is declared"
    assert "nothing to declare" in capsys.readouterr().err


def test_only_what_is_named_is_declared(published, capsys):
    published(definitions={FIT: "old", SPLIT: "older"})
    assert commands.main([*COMMAND, "--only", "class*.fit"]) == 0
    assert capsys.readouterr().out.endswith("still stale data.split\n")
    assert list(written()[0]["changed"]) == [FIT]
    assert verdicts() == ["contradicts"]
    assert commands.main([*COMMAND, "--only", FIT]) == 2
    assert commands.main(["declare", "again", *COMMAND[2:]]) == 0
    assert [each["reason"] for each in written()] == [REASON, "again"]
    assert verdicts() == ["equivalent"]


def test_a_chain_goes_on_from_what_was_declared(published):
    published(definitions={FIT: "b"})
    assert commands.main(COMMAND) == 0
    (found,) = written()
    found["changed"] = {FIT: [["a", "b"]]}
    (settings.PUBLISHED_RESULTS / provenance.EQUIVALENCES).write_text(json.dumps([found]))
    published(definitions={FIT: "a"})
    assert verdicts() == ["contradicts"]
    assert commands.main(COMMAND) == 0
    assert verdicts() == ["equivalent"]
    assert written()[1]["changed"] == {FIT: [["a", today(FIT)]]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metrics": {"log_loss": 0.5}}, "came out otherwise (log_loss)"),
        ({"history": {"loss": [0.5]}}, "came out otherwise (loss by epoch)"),
        ({"machine": {"processor": "Other"}}, "was made with the processor Other and this is"),
        ({"machine": {"instructions": "avx9"}}, "was made with the instructions avx9"),
        ({"versions": {"numpy": "1.0"}}, "was made with the numpy 1.0"),
        ({"profile": "full"}, "was made with the profile full and this is smoke"),
        ({"probabilities_sha256": "0"}, "damaged"),
    ],
)
def test_what_differs_is_said_and_nothing_written(published, changes, said, capsys):
    published(definitions={FIT: "old"})
    published(**changes)
    assert commands.main(COMMAND) == 2
    assert said in capsys.readouterr().err
    assert written() == []


def test_a_retraining_with_other_numbers_proves_nothing(published, monkeypatch, capsys):
    monkeypatch.setattr(replication, "replicate", REPLICATE)
    published(definitions={FIT: "old"}, recipe={"neighbours": 4})
    assert commands.main(COMMAND) == 2
    assert "probabilities): the code changes numbers, or this" in capsys.readouterr().err
    assert written() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"probabilities_sha256": "1"}, "(probabilities)"),
        ({"recipe": {"precision": "float32"}}, "(precision)"),
        ({"epoch": 3}, "(epoch)"),
    ],
)
def test_one_difference_is_enough(published, monkeypatch, changes, said, capsys):
    published(definitions={FIT: "old"})

    def replicate(result, dataset, seed):
        return dataclasses.replace(result, **changes)

    monkeypatch.setattr(replication, "replicate", replicate)
    assert commands.main(COMMAND) == 2
    assert f"{MODEL}, seed 0 came out otherwise {said}" in capsys.readouterr().err
    assert written() == []


def test_wrong_evidence_is_refused_before_any_training(published, monkeypatch, capsys):
    monkeypatch.setattr(replication, "replicate", lambda *arguments: pytest.fail("it was trained"))

    def refused(words, *more, command=COMMAND):
        assert commands.main([*command, *more]) == 2
        assert words in capsys.readouterr().err
        assert written() == []

    refused("no definition has changed")
    published(definitions={FIT: "old"})
    refused("no definition of that name has changed", "--only", "layers.*")
    refused("the reason is empty", command=["declare", " ", *COMMAND[2:]])
    refused(
        "holds no result of 'cnn_basic'", command=["declare", REASON, "--retrain", "cnn_basic:0"]
    )
    monkeypatch.setattr(replication, "replicable", lambda result: False)
    refused("takes more than its recipe")
    with pytest.raises(SystemExit):
        commands.main(["declare", REASON, "--retrain", MODEL])


class TestReach:
    """A retraining proves what its result goes through, and what loads the images."""

    NOTEBOOK = "from helpers import data, models\ndata.load_profile(), models.cnn_basic"

    def test_what_loads_images_is_reached_by_notebooks_only(
        self, published, write_notebook, capsys
    ):
        published(definitions={FIT: "old"})
        write_notebook(
            self.NOTEBOOK,
            data__load="old",
            data__gone="g",
            data___parse_idx=None,
            models__cnn_basic="p",
        )
        assert commands.main(COMMAND) == 0
        assert capsys.readouterr().out.endswith("still stale models.cnn_basic\n")
        (found,) = written()
        assert found["notebooks_only"] == ["data._parse_idx", "data.gone", "data.load"]
        loading = definitions.of_loading()
        assert found["changed"]["data.load"] == [["old", loading["data.load"]]]
        assert found["changed"]["data._parse_idx"] == [[None, loading["data._parse_idx"]]]
        assert found["changed"]["data.gone"] == [["g", None]]
        notebook = nbformat.read(settings.NOTEBOOKS / "01_first.ipynb", as_version=4)
        assert provenance.changed_since(notebook, [found]) == ["models.cnn_basic"]

    def test_what_no_result_goes_through_is_refused(self, published, write_notebook, capsys):
        write_notebook(self.NOTEBOOK, models__cnn_basic="p", data__load_sample="s")
        assert commands.main(COMMAND) == 2
        assert f"{MODEL}, seed 0 does not go through what has changed" in capsys.readouterr().err
        published(definitions={FIT: "old"})
        assert commands.main([*COMMAND, "--only", FIT, "models.*"]) == 2
        said = capsys.readouterr().err
        assert "models.cnn_basic cannot be proved by these results" in said
        assert "publish them again" in said
        assert written() == []

    def test_a_step_that_the_evidence_did_not_take_is_not_proved(self, published, write_notebook):
        published(definitions={FIT: "b"})
        write_notebook("from helpers.topics import classical\nclassical.fit", classical__fit="a")
        assert commands.main([*COMMAND, "--only", FIT]) == 2
        assert commands.main(COMMAND) == 0
        assert written()[0]["changed"] == {FIT: [["b", today(FIT)]]}

    def test_a_notebook_with_new_cells_has_no_say(self, published, write_notebook, capsys):
        write_notebook("from helpers import data\ndata.load_profile()", data__load="old")
        path = settings.NOTEBOOKS / "01_first.ipynb"
        path.write_text(path.read_text().replace("load_profile()", "load_profile(); 1"))
        assert commands.main(COMMAND) == 2
        assert "no definition has changed" in capsys.readouterr().err
