"""Spelling: British in all that is read, no frequent misspelling, no word twice in a row.

No dictionary: a list of forms that the series does not use. Read are the text of README and the
notebooks, the words in comments, docstrings and messages; not names in code, titles of articles or
other projects' words in backticks.
"""

import ast
import io
import re
import tokenize

import nbformat
import pytest

from helpers import settings

STEMS = """
normaliz regulariz generaliz initializ visualiz recogniz organiz summariz minimiz maximiz categoriz
standardiz quantiz penaliz utiliz realiz emphasiz memoriz characteriz randomiz equaliz specializ
vectoriz binariz customiz prioritiz criticiz analyz catalyz paralyz behavior color favor flavor
neighbor honor labor(?!at|i) rumor center fiber theater grayscale artifact defense offense pretense
label(?:ed|ing) model(?:ed|ing|er) cancel(?:ed|ing) travel(?:ed|ing|er) signal(?:ed|ing)
level(?:ed|ing) total(?:ed|ing) channel(?:ed|ing)
accomod accross acheiv adress algoritm algorythm arguement begining beleiv comparis(?:i|s)on
consistan convoluti(?!on) definat embarass enviroment existan gaurant guarent heigth immediatly
independan intrest knowlege lenght maintainance managment neccess necess?ar(?!y|il) noticable occass
occur(?:ed|ing|ence|ance) overfiting paramter paramater perfomance performence persistan
prefer(?:ed|ing) probabilt publically reciev recomend refer(?:ed|ing) relevent responsab
seperat similiar sucess succesful suprise threshhold transfer(?:ed|ing) truely wierd
widht writt(?:ing|ting)
""".split()
WORDS = """
optimize optimized optimizes optimizing optimization gray grays gotten catalog meter meters liter
skeptical aluminum teh thier wich untill wether alot posible sentance grammer exmaple
""".split()
UNWANTED = re.compile(
    rf"(?<![\w.\-/#=])(?:(?:un|re|de|over|mis)?(?:{'|'.join(STEMS)})\w*|(?:{'|'.join(WORDS)}))(?![\w(=]|\.\w)",
    re.IGNORECASE,
)
TWICE = re.compile(r"(?<![\w-])([A-Za-z]+)[ \n]\1(?![\w-])", re.IGNORECASE)
MAY_STAND_TWICE = {"that", "had", "important", "neighbours"}  # "to keep neighbours neighbours"


def faults(text):
    """Return what is misspelt in a text, and the words that stand twice in a row."""
    found = [match[0] for match in UNWANTED.finditer(text)]
    twice = (match for match in TWICE.finditer(text) if match[1].lower() not in MAY_STAND_TWICE)
    return found + [" ".join(match[0].split()) for match in twice]


def prose(markdown):
    """Return Markdown without code, addresses, the text of links to the outside, and HTML."""
    text = re.sub(r"```.*?```|`[^`\n]*`", " … ", markdown, flags=re.DOTALL)
    text = re.sub(r"\[[^\]]*\]\(https?:[^)]*\)", " … ", text)
    text = re.sub(r"\]\([^)]*\)|https?:\S+|<[^>]*>", " … ", text)
    return re.sub(r"[|*]", " … ", text)


def words_of_code(source, messages=True):
    """Return comments, docstrings and, of the other strings, messages: those of several words."""
    tree = ast.parse(source)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = [
        ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, documented)
    ]
    kept = [text for text in docstrings if text]
    if messages:
        strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        kept += [text for text in strings if isinstance(text, str) and _is_message(text)]
    quoted = re.compile(r"[\"“][^\"”]*[\"”]|`[^`\n]*`|https?:\S+|^\s*\w+ : .*$", re.MULTILINE)
    return "\n… ".join(quoted.sub(" … ", text) for text in comments + kept)


def _is_message(text):
    of_a_format = re.search(r"[<{]\w|\\|: #|^(outside )?(upper|lower|center) \w+$", text)
    return " " in text.strip() and not of_a_format


def notebook_text(path):
    notebook = nbformat.read(path, as_version=4)
    parts = [
        prose(cell.source) if cell.cell_type == "markdown" else words_of_code(_python(cell.source))
        for cell in notebook.cells
    ]
    return "\n… ".join(parts)


def _python(source):
    return "\n".join(
        "" if line.lstrip().startswith(("%", "!")) else line for line in source.split("\n")
    )


PAGES = sorted(settings.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
MODULES = sorted(
    path
    for folder in ("helpers", "tests")
    for path in (settings.REPOSITORY / folder).rglob("*.py")
    if path.name != "test_spelling.py"
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_notebooks(path):
    assert not faults(notebook_text(path))


@pytest.mark.parametrize(
    "page", ["README.md", ".github/METHODS.md", ".github/CONTRIBUTING.md", "notebooks/glossary.md"]
)
def test_pages(page):
    assert not faults(prose((settings.REPOSITORY / page).read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_modules(path):
    messages = path.parent.name != "tests"  # tests hold code and faults in strings
    assert not faults(words_of_code(path.read_text(encoding="utf-8"), messages))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The neighbor's color", ["neighbor", "color"]),
        ("It was normalized and over-regularized", ["normalized"]),
        ("Wir recieve seperate gray images", ["recieve", "seperate", "gray"]),
        ("the the end of\nof it", ["the the", "of of"]),
        ("Keras' optimizer, normalised colours, parameters, a laboratory, greyscale, writing", []),
        ("BatchNormalization and plot(color=1) and style.color", []),
        ("It knows that that is so; modelling labelled neighbours", []),
    ],
)
def test_the_check_itself(text, found):
    assert faults(text) == found


def test_code_and_addresses_are_not_read():
    assert not faults(prose("See `color` and [Analyzing things](https://a.b/color)"))
    assert faults(words_of_code("a = 1  # a gray thing")) == ["gray"]
    assert faults(words_of_code('def f():\n    """Return the color.\n\n    color : str\n    """'))
    assert not faults(words_of_code('color = style("color")\nprint(f"{color} of `color`")'))
