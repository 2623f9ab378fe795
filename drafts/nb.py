"""Build a notebook from cells in a script and texts in a file under `@@ key` lines."""
import ast, hashlib, re, uuid
import nbformat
def texts(path):
    parts = re.split(r"^@@ (\S+)\n", open(path, encoding="utf-8").read(), flags=re.M)
    return {k: v.strip() for k, v in zip(parts[1::2], parts[2::2])}
def md(text): return ("markdown", text, [])
def code(src, *tags): return ("code", src.strip("\n"), list(tags))
C = "nbval-check-output"
def key(src):
    try: return ast.dump(ast.parse(src))
    except SyntaxError: return src
def build(stem, cells):
    path = f"notebooks/{stem}.ipynb"
    nb = nbformat.read(path, 4)
    old = {key(c.source): c for c in nb.cells if c.cell_type == "code"}
    oldmd = {c.source: c for c in nb.cells if c.cell_type == "markdown"}
    boot = next(c for c in nb.cells if c.id == "bootstrap")
    first = nb.cells[0]
    new, used = [], set()
    for i, (kind, src, tags) in enumerate(cells):
        if i == 0:
            links = next(l for l in first.source.splitlines() if "[contents](" in l)
            badge = [l for l in first.source.splitlines() if "colab" in l.lower() and "badge" in l.lower()]
            time = re.search(r"\*\*Time\*\*.*", first.source)
            title, rest = src.split("\n", 1)
            src = title + "\n\n" + "".join(b + "\n\n" for b in badge) + links + "\n\n" + rest.strip() + \
                "\n\n<!-- time -->\n" + time.group(0) + "\n<!-- /time -->"
        if src == "BOOTSTRAP":
            new.append(boot); continue
        if kind == "markdown":
            c = nbformat.v4.new_markdown_cell(src)
            if src in oldmd: c.id = oldmd[src].id
            else: c.id = hashlib.sha1(src.encode()).hexdigest()[:8]
        else:
            c = nbformat.v4.new_code_cell(src)
            k = key(src)
            if k in old and k not in used:
                o = old[k]; used.add(k)
                c.outputs, c.execution_count = o.outputs, o.execution_count
                c.id = o.id; c.metadata = o.metadata
                c.metadata.pop("tags", None)
            else: c.id = hashlib.sha1((src + stem).encode()).hexdigest()[:8]
            if tags: c.metadata["tags"] = tags
        while c.id in {n.id for n in new}: c.id = uuid.uuid4().hex[:8]
        new.append(c)
    nb.cells = new
    nbformat.validate(nb); nbformat.write(nb, path)
