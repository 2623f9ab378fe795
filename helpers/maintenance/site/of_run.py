"""The pages that a run adds to the site: how each notebook ended, and the results."""

from helpers import settings, tables
from helpers.maintenance import notebooks

NOT_RUN = "*Not part of this run: these are the published outputs.*"
NOTES = {
    "smoke": "Its numbers come from a small sample and mean nothing.",
    "quick": "Its numbers come from a part of the images and epochs.",
    "full": "All images, all epochs.",
}


def note(profile):
    """Return what stands below the title of a notebook that ran."""
    return f"*This is a run on this machine, profile {profile}. {NOTES[profile]}*"


def page(results, profile, entries):
    """Return the page on a run, whose results are in a folder."""
    lines = ["# This run", "", f"Profile {profile}. {NOTES[profile]}", ""]
    lines += ["| notebook | | time | finished |", "|---|---|---:|---|"]
    for name in notebooks.names():
        if name in entries:
            entry = entries[name]
            ended = f"**failed** in `{entry['failure']}`" if entry["failure"] else "passed"
            duration = tables.duration(entry["seconds"])
            link = f"[{notebooks.title(name)}](notebooks/{name}.ipynb)"
            lines.append(f"| {link} | {ended} | {duration} | {entry['finished']} |")
    return "\n".join([*lines, "", "## Results", "", _results(results), ""])


def _results(folder):
    try:
        table = tables.table(folder)
    except settings.UserError as error:
        return str(error)
    return "None yet." if table.empty else f"```text\n{tables.terminal_table(table)}\n```"
