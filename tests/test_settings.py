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


def test_only_settings_reads_environment_variables():
    for path in (settings.REPOSITORY / "helpers").rglob("*.py"):
        if path.name != "settings.py":
            text = path.read_text(encoding="utf-8")
            assert "os.environ[" not in text and "environ.get(" not in text, path.name
