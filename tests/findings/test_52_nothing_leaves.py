"""Nothing is looked up, fetched or sent while data are read and a run is made: every call of a socket fails, and nobody notices."""

import io
import subprocess
import sys

import numpy as np
import pytest

import untrain as ut

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
Image = pytest.importorskip("PIL.Image")

WORK = """
import sys

def refuse(event, args):
    if event == "subprocess.Popen" or event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        print("asked for", event, args[-1], flush=True)
        raise OSError("there is no network")

sys.addaudithook(refuse)
import untrain as ut

folder = sys.argv[1]
assert len(ut.examples(folder + "/train.parquet")) == 4
assert len(ut.examples(ut.ImageFolder(path=folder + "/images"))) == 4
train = ut.examples(ut.Parquet(path=folder + "/train.parquet"))
learner = ut.Train(model=ut.MLP(width=4), steps=ut.Steps(epochs=1))
problem = ut.problem(train, ut.IdFile(path=folder + "/ids.csv"), learner)
ut.Finetune()(learner(train, seed=0), problem)
print("done")
"""


def png(value=0, size=(4, 4)):
    buffer = io.BytesIO()
    Image.fromarray(np.full(size, value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_every_reader_and_a_run_need_no_socket(tmp_path):
    images = [{"bytes": png(at), "path": "https://example.org/a.png"} for at in range(4)]
    parquet.write_table(pa.table({"image": images, "label": [0, 1, 0, 1]}), tmp_path / "train.parquet")
    for name, value in (("a", 1), ("b", 2)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for at in range(2):
            (tmp_path / "images" / name / f"{at}.png").write_bytes(png(value))
    (tmp_path / "ids.csv").write_text("1\n")
    done = subprocess.run([sys.executable, "-c", WORK, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.stdout == "done\n", done.stdout + done.stderr[-2000:]


def test_the_library_counts_no_downloads_meanwhile_and_is_as_it_was(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    asked = []
    monkeypatch.setattr("datasets.load.get_session", lambda *_: asked.append("session"))
    parquet.write_table(pa.table({"v": [[1.0]], "label": [0]}), tmp_path / "a.parquet")
    before = datasets.config.HF_UPDATE_DOWNLOAD_COUNTS
    ut.examples(ut.Parquet(path=str(tmp_path / "a.parquet"), x=("v",)))
    assert asked == []
    assert before == datasets.config.HF_UPDATE_DOWNLOAD_COUNTS


@pytest.mark.parametrize(
    "named", ["secret.png", "/etc/hostname", "https://example.org/a.png", "zip://a.png::/tmp/a.zip", "hf://a/b"]
)
@pytest.mark.parametrize("declared", [False, True])
def test_what_a_cell_names_is_neither_opened_nor_fetched(tmp_path, monkeypatch, named, declared):
    (tmp_path / "secret.png").write_bytes(png(9))
    monkeypatch.chdir(tmp_path)
    table = pa.table({"image": [{"bytes": png(), "path": None}, {"bytes": None, "path": named}], "label": [0, 1]})
    if declared:  # as the library writes it
        words = '{"info": {"features": {"image": {"_type": "Image"}, "label": {"dtype": "int64", "_type": "Value"}}}}'
        table = table.replace_schema_metadata({"huggingface": words})
    parquet.write_table(table, "a.parquet")
    opened = []
    monkeypatch.setattr("datasets.features.image.xopen", lambda *a, **k: opened.append(a), raising=False)
    with pytest.raises(ut.BadInput, match=r"in row 1 but names .*neither opened nor fetched"):
        ut.examples("a.parquet")
    assert opened == []


def test_an_image_that_is_a_program_is_not_run(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(ran) print\n")
    with pytest.raises(ut.BadInput, match=r"1.png is not an image that can be read: cannot identify"):
        ut.examples(str(tmp_path))


@pytest.mark.parametrize("where", ["cell", "folder"])
def test_an_image_of_some_kilobytes_that_decodes_to_gigabytes_is_refused(tmp_path, where):
    buffer = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(buffer, "PNG")
    raw = buffer.getvalue()
    assert len(raw) < 300_000
    place = tmp_path / "a"
    place.mkdir()
    if where == "folder":
        (place / "1.png").write_bytes(raw)
        source = str(tmp_path)
    else:
        parquet.write_table(pa.table({"image": [{"bytes": raw, "path": None}], "label": [0]}), place / "a.parquet")
        source = str(place / "a.parquet")
    with pytest.raises(ut.BadInput, match=r"make the image smaller|decompression bomb"):
        ut.examples(source)


def test_a_table_of_some_kilobytes_that_unpacks_to_gigabytes_is_refused(tmp_path):
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(80_000_000, np.int8)), pa.array([1.0]))
    parquet.write_table(pa.table({"v": column, "label": column}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 1_000_000
    with pytest.raises(ut.BadInput, match=r"it unpacks from [\d,]+ bytes to"):
        ut.examples(ut.Parquet(path=str(tmp_path / "a.parquet"), x=("v",)))
