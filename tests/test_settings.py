"""Settings: one word scales the series, and a wrong word is named."""

import pytest

from helpers import settings


@pytest.mark.parametrize(
    ("profile", "epochs"), [("smoke", [1, 2, 2]), ("quick", [1, 2, 10]), ("full", [1, 5, 50])]
)
def test_profiles_scale_epochs(profile, epochs, monkeypatch):
    monkeypatch.setenv("FASHION_PROFILE", profile)
    assert [settings.epochs(full) for full in (1, 5, 50)] == epochs


def test_full_is_the_default(monkeypatch):
    monkeypatch.delenv("FASHION_PROFILE", raising=False)
    monkeypatch.delenv("FASHION_SEED", raising=False)
    assert settings.profile() == "full"
    assert settings.seed() == 0


def test_unknown_profile_is_named(monkeypatch):
    monkeypatch.setenv("FASHION_PROFILE", "fast")
    with pytest.raises(settings.UserError, match="'fast'.*smoke, quick, full"):
        settings.profile()


@pytest.mark.parametrize("text", ["-1", "one", "1.5", "²"])
def test_seed_must_be_a_whole_number(text, monkeypatch):
    monkeypatch.setenv("FASHION_SEED", text)
    with pytest.raises(settings.UserError, match="whole number"):
        settings.seed()


def test_only_full_writes_to_the_published_results(monkeypatch, tmp_path):
    monkeypatch.delenv("FASHION_RESULTS_DIR", raising=False)
    folders = {}
    for profile in settings.PROFILES:
        monkeypatch.setenv("FASHION_PROFILE", profile)
        folders[profile] = settings.results_folder()
    assert folders["full"] == settings.PUBLISHED_RESULTS
    assert all(settings.OUTPUTS in folders[profile].parents for profile in ("smoke", "quick"))
    monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path))
    assert settings.results_folder() == tmp_path


@pytest.mark.parametrize("text", ["mnist", "MNIST", "kmnist", "fashion_mnist", "Fashion-MNIST"])
def test_known_data_sets_have_names(text, monkeypatch):
    monkeypatch.setenv("FASHION_DATA_SET", text)
    assert settings.data_set() == text.lower().replace("-", "_")


def test_fashion_mnist_is_the_default(monkeypatch):
    assert settings.data_set() == settings.FASHION_MNIST
    monkeypatch.setenv("FASHION_DATA_SET", "")
    assert settings.data_set() == settings.FASHION_MNIST
    assert settings.outputs_folder() == settings.OUTPUTS
    assert settings.reference_results() == settings.PUBLISHED_RESULTS
    settings.check_publishable()


def test_a_data_set_may_be_a_folder(monkeypatch, tmp_path):
    (tmp_path / "shoes").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASHION_DATA_SET", "shoes")
    assert settings.data_set() == tmp_path / "shoes"


def test_neither_a_known_data_set_nor_a_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("FASHION_DATA_SET", str(tmp_path / "absent"))
    with pytest.raises(settings.UserError, match="absent.*fashion_mnist, mnist, kmnist.*folder"):
        settings.data_set()


@pytest.mark.parametrize("profile", settings.PROFILES)
def test_results_of_another_data_set_are_never_among_the_published_ones(
    monkeypatch, tmp_path, profile
):
    monkeypatch.delenv("FASHION_RESULTS_DIR", raising=False)
    monkeypatch.setenv("FASHION_PROFILE", profile)
    monkeypatch.setenv("FASHION_DATA_SET", "mnist")
    assert settings.results_folder() == settings.OUTPUTS / "mnist" / profile / "results"
    assert settings.reference_results() == settings.results_folder()
    for place in (settings.PUBLISHED_RESULTS, settings.PUBLISHED_RESULTS / "deeper"):
        monkeypatch.setenv("FASHION_RESULTS_DIR", str(place))
        with pytest.raises(settings.UserError, match="unset FASHION_DATA_SET"):
            settings.results_folder()
    monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path))
    assert settings.results_folder() == tmp_path
    with pytest.raises(settings.UserError, match="unset FASHION_DATA_SET"):
        settings.check_publishable()


def test_folders_of_one_name_have_outputs_of_their_own(monkeypatch, tmp_path):
    found = set()
    for parent in ("a", "b"):
        (tmp_path / parent / "smoke").mkdir(parents=True)
        monkeypatch.setenv("FASHION_DATA_SET", str(tmp_path / parent / "smoke"))
        found.add(settings.outputs_folder())
    assert len(found) == 2
    assert all(path.name.startswith("smoke-") for path in found)
    assert all(path.parent == settings.OUTPUTS for path in found)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_what_is_no_seed(seed, monkeypatch):
    with pytest.raises(settings.UserError, match="is no seed: use a whole number from 0"):
        settings.checked_seed(seed)
    monkeypatch.setenv("FASHION_SEED", str(seed))
    with pytest.raises(settings.UserError, match="from 0"):
        settings.seed()
    assert settings.checked_seed(2**32 - 1) == 2**32 - 1


def test_only_settings_reads_environment_variables():
    for path in (settings.REPOSITORY / "helpers").rglob("*.py"):
        if path.name != "settings.py":
            text = path.read_text(encoding="utf-8")
            assert "os.environ[" not in text and "environ.get(" not in text, path.name
