"""Settings: one word scales the and a wrong word is named."""

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


@pytest.mark.parametrize("profile", settings.PROFILES)
def test_a_readers_run_never_writes_to_the_published_results(profile, monkeypatch, tmp_path):
    monkeypatch.delenv("FASHION_RESULTS_DIR", raising=False)
    monkeypatch.setenv("FASHION_PROFILE", profile)
    assert settings.results_folder() == settings.OUTPUTS / profile / "results"
    monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path))
    assert settings.results_folder() == tmp_path


def test_publishing_does_and_only_in_full(monkeypatch):
    monkeypatch.delenv("FASHION_RESULTS_DIR", raising=False)
    monkeypatch.setenv("FASHION_PUBLISH", "1")
    assert settings.publishing()
    assert settings.results_folder() == settings.PUBLISHED_RESULTS
    monkeypatch.setenv("FASHION_PUBLISH", "0")
    assert not settings.publishing()
    monkeypatch.setenv("FASHION_PUBLISH", "1")
    monkeypatch.setenv("FASHION_PROFILE", "quick")
    with pytest.raises(settings.UserError, match="only full runs are published: unset it"):
        settings.results_folder()


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
