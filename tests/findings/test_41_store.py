"""A store is trusted as far as it is verified: damage, forgery, links, clocks and parcels of other people's making."""

import errno
import hashlib
import io
import json
import os
import shutil
import time
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from untrain.commands import report
from untrain.commands import store as command
from untrain.core.errors import RunFailed, StoreError, UntrainError
from untrain.core.work_files import work_name
from untrain.experiments.results import score_run
from untrain.runtime.record import key_of, seal
from untrain.runtime.store import Store
from untrain.runtime.store_transfer import mark, pack, unpack


@pytest.fixture
def copy(tiny, tmp_path):
    shutil.copytree(tiny.store, tmp_path / "store")
    return Store(tmp_path / "store")


def keys_of(store, kind):
    return [row["key"] for row in store.entries() if row["kind"] == kind]


def folder_of(store, key):
    return store.path / "objects" / key[:2] / key


def the_run(store):
    return store.get(keys_of(store, "run")[-1])


def forget_scores(store):
    for key in keys_of(store, "scores"):
        store.discard(key)


def small(store, at=0, **record):
    return store.put({"kind": "model", "at": at}, record, {"a": np.arange(40) + at}, {"w": {"x": np.ones(9, np.float32)}})


def forge(store, entry_key, **changes):
    """Change a record as somebody would who knows how it is sealed."""
    file = folder_of(store, entry_key) / "record.json"
    record = {name: value for name, value in json.loads(file.read_text()).items() if name != "sha256"}
    file.write_bytes(seal(record | changes))
    (store.path / "ledger.sqlite").unlink(missing_ok=True)


# ---- 41: what is read is what was written


@pytest.mark.parametrize("kind", ["original", "oracle", "unlearned", "run"])
@pytest.mark.slow
def test_a_run_with_a_changed_byte_in_any_array_is_refused_in_one_line(copy, tiny, kind):
    forget_scores(copy)
    run = the_run(copy)
    models = run.record["ingredients"]["models"]
    key = {"run": run.key, "unlearned": models["methods"][0]["keys"][0]}.get(kind) or models[kind][0]
    for name in ("labels.npy", "side.npy", "ids.npy") if kind == "run" else ("logits.npy",):
        file = folder_of(copy, key) / name
        whole = file.read_bytes()
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(StoreError, match=f"{name} of entry {key[:12]} .* is damaged") as told:
            score_run(run, copy)
        assert "\n" not in str(told.value)
        file.write_bytes(whole)
    assert score_run(run, copy)["results"][0]["scores"] == tiny.document["results"][0]["scores"]


def test_every_changed_byte_of_every_file_of_an_entry_is_found_when_it_is_read(tmp_path):
    store = Store(tmp_path / "s")
    entry = small(store, note="é")
    draw = np.random.default_rng(0)
    for file in sorted(entry.folder.iterdir()):
        whole = file.read_bytes()
        places = range(len(whole)) if file.name == "record.json" else draw.choice(len(whole), 60)
        for at in places:
            file.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << int(draw.integers(8)))]) + whole[at + 1 :])
            with pytest.raises(StoreError, match="damaged"):  # noqa: PT012
                found = store.get(entry.key)
                found.array("a")
                found.tensors("w")
        file.write_bytes(whole)
    assert store.get(entry.key).array("a").tolist() == list(range(40))
    assert store.verify() == []


def test_a_file_is_compared_once_in_a_process_and_again_when_it_changed(tmp_path, monkeypatch):
    store = Store(tmp_path / "s")
    entry = small(store)
    file = entry.folder / "a.npy"
    os.utime(file, (0, 0))
    time.sleep(0.15)
    counted = []
    plain = hashlib.file_digest
    monkeypatch.setattr("hashlib.file_digest", lambda *given: counted.append(1) or plain(*given))
    for _ in range(3):
        store.get(entry.key).array("a")
    assert counted == [1]
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"\x7f")
    os.utime(file, (0, 0))  # the time of its change is put back, as a careful hand would
    with pytest.raises(StoreError, match="not what was written"):
        store.get(entry.key).array("a")


def test_a_score_that_was_changed_in_a_record_is_not_shown(copy):
    key = keys_of(copy, "scores")[0]
    file = folder_of(copy, key) / "record.json"
    text = file.read_text()
    start = text.index('"forget_accuracy": {"value": ') + len('"forget_accuracy": {"value": ')
    file.write_text(text[:start] + "0.999" + text[text.index(",", start) :])
    with pytest.raises(StoreError, match="record is not what was written"):
        score_run(the_run(copy), copy)
    assert copy.verify() == [key]


def test_a_record_that_was_moved_under_another_key_or_given_other_ingredients_is_refused(tmp_path):
    store = Store(tmp_path / "s")
    one, other = small(store, 1), small(store, 2)
    shutil.copy(one.folder / "record.json", other.folder / "record.json")
    forge(store, one.key, ingredients={"kind": "model", "at": 3})
    for key in (one.key, other.key):
        with pytest.raises(StoreError, match="something else"):
            store.get(key)
    assert store.verify() == sorted([one.key, other.key])


# ---- 42: what lies there and is not whole is found, named and removed


def spoil_record(folder):
    (folder / "record.json").unlink()


def spoil_all(folder):
    for file in folder.iterdir():
        file.unlink()


def spoil_kind(folder):
    shutil.rmtree(folder)
    folder.write_text("a file")


def spoil_link(folder):
    shutil.move(folder, folder.parents[3] / "elsewhere")
    folder.symlink_to(folder.parents[3] / "elsewhere")


def spoil_loop(folder):
    (folder / "record.json").unlink()
    (folder / "record.json").symlink_to("record.json")


def spoil_pipe(folder):
    (folder / "record.json").unlink()
    os.mkfifo(folder / "record.json")


@pytest.mark.parametrize("spoil", [spoil_record, spoil_all, spoil_kind, spoil_link, spoil_loop, spoil_pipe])
def test_an_entry_that_is_not_whole_is_listed_named_removed_and_made_again(tmp_path, spoil):
    store = Store(tmp_path / "store")
    spoilt, whole = small(store, 1), small(store, 2)
    spoil(spoilt.folder)
    assert {row["key"]: row["kind"] for row in store.entries()} == {spoilt.key: "damaged", whole.key: "model"}
    assert store.verify() == [spoilt.key]
    with pytest.raises(StoreError, match=r"damaged .*--verify --prune` removes it"):
        store.get(spoilt.key)
    told = command.store(store.path, verify=True, prune=True)
    assert (told["damaged"], told["entries"], told["pruned"]["entries"]) == ([], 1, 1)
    assert small(store, 1).array("a")[0] == 1
    if spoil is spoil_link:
        assert (tmp_path / "elsewhere" / "w.safetensors").exists(), "what lies behind a link is not the store's"


def test_what_is_no_entry_is_named_and_removed_and_what_is_no_part_of_the_store_is_named_and_stays(tmp_path):
    store = Store(tmp_path / "store")
    entry = small(store)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.tex").write_text("x")
    (store.path / "objects" / "notes.txt").write_text("x")
    (store.path / "objects" / "ab").mkdir(exist_ok=True)
    (store.path / "objects" / "ab" / "half").mkdir()
    (store.path / "objects" / "zz").symlink_to(elsewhere)
    (store.path / "images").mkdir()
    (entry.folder / "extra.npy").write_text("x")
    names = ["objects/ab/half", "objects/notes.txt", "objects/zz"]
    assert store.verify() == [entry.key, *names]
    told = command.store(store.path)
    assert told["damaged"] == names
    assert [other["name"] for other in told["beside"]] == ["images"]
    assert command.store(store.path, verify=True, prune=True)["entries"] == 0
    assert store.verify() == []
    assert (elsewhere / "thesis.tex").exists()
    assert (store.path / "images").exists()


# ---- 43: prune removes everything that is older than asked by any clock


@pytest.mark.parametrize("ahead", [3600, 1e8, -1e8])
def test_prune_of_everything_leaves_nothing_whatever_the_clocks_said(tmp_path, monkeypatch, ahead):
    store, now = Store(tmp_path / "s"), time.time()
    with monkeypatch.context() as patch:
        patch.setattr("untrain.runtime.store.time.time", lambda: now + ahead)
        small(store, 1)
    small(store, 2)
    for folder in store.path.glob("objects/*/*"):
        os.utime(folder, (now + ahead, now + ahead))
    assert store.prune(older_than=2 * abs(ahead)) == (0, 0)
    assert store.prune(0)[0] == 2
    assert store.entries() == []
    assert list(store.path.glob("objects/*/*")) == []


def test_prune_takes_the_oldest_clock(tmp_path):
    store = Store(tmp_path / "s")
    entry = small(store)
    old = time.time() - 40 * 86400
    os.utime(entry.folder, (old, old))
    assert store.prune(30 * 86400)[0] == 1


def test_a_lock_that_is_a_link_changes_nothing_behind_it_and_does_not_stop_prune(tmp_path):
    store = Store(tmp_path / "s")
    entry, victim = small(store), tmp_path / "victim.txt"
    victim.write_text("precious")
    lock = store.path / "locks" / entry.key[:32]
    lock.unlink(missing_ok=True)
    lock.symlink_to(victim)
    with pytest.raises(StoreError, match="cannot be used"), store.alone(entry.key):
        pass
    assert store.prune(0)[0] == 1
    assert victim.read_text() == "precious"


def exchange(tmp_path, part):
    """A store, one of whose folders is a link to somebody's home."""
    store = Store(tmp_path / "s")
    (tmp_path / "home" / "sub").mkdir(parents=True)
    for file in ("thesis.tex", "sub/thesis.tex"):
        (tmp_path / "home" / file).write_text("x")
        os.utime(tmp_path / "home" / file, (0, 0))
    if (store.path / part).exists():
        (store.path / part).rmdir()
    (store.path / part).symlink_to(tmp_path / "home")
    return store


@pytest.mark.parametrize("part", ["objects", "locks", "tmp", "search"])
def test_a_store_whose_parts_are_links_is_refused(tmp_path, part):
    store = exchange(tmp_path, part)
    with pytest.raises(StoreError, match="is a link"):
        command.store(store.path, prune=True, older_than=0)
    assert len(list((tmp_path / "home").rglob("thesis.tex"))) == 2


@pytest.mark.parametrize("part", ["objects", "locks", "tmp", "search"])
def test_a_part_that_becomes_a_link_while_a_store_is_open_is_not_looked_through(tmp_path, part):
    store = exchange(tmp_path, part)
    store.prune(0)
    assert len(list((tmp_path / "home").rglob("thesis.tex"))) == 2


@pytest.mark.parametrize("part", ["objects", "locks", "tmp", "search"])
def test_a_part_that_is_a_file_is_one_line(tmp_path, part):
    store = Store(tmp_path / "s")
    if (store.path / part).exists():
        (store.path / part).rmdir()
    (store.path / part).write_text("x")
    with pytest.raises(StoreError, match="is no folder"):
        command.store(store.path, prune=True, older_than=0)


def test_a_thing_that_cannot_be_removed_does_not_keep_the_rest(tmp_path, monkeypatch):
    store = Store(tmp_path / "s")
    stuck, free = small(store, 1), small(store, 2)
    plain = os.rename

    def rename(old, new, **more):
        if str(old) == str(stuck.folder):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return plain(old, new, **more)

    monkeypatch.setattr("os.rename", rename)
    with pytest.raises(StoreError, match=r"1 of what was to go could not be removed.*busy"):
        store.prune(0)
    assert (store.get(stuck.key) is None, store.get(free.key) is None) == (False, True)


def test_journals_of_searches_go_too_unless_somebody_works_in_the_store(tmp_path):
    store = Store(tmp_path / "s")
    (store.path / "search").mkdir()
    journal = store.path / "search" / "a.journal"
    journal.write_text("{}")
    with mark(store):
        store.prune(0)
        assert journal.exists()
    store.prune(0)
    assert not journal.exists()


# ---- 47: records of other types and nesting


ODD = (
    {"files": []}, {"files": {"a.npy": 1}}, {"files": {"a.npy": {"sha256": 1}}},
    {"files": {"../a.npy": {"bytes": 1, "sha256": "0" * 64}}},
    {"files": {"a.npy": {"bytes": -1, "sha256": "0" * 64}}}, {"files": {"record.json": {"bytes": 1, "sha256": "0" * 64}}},
    {"cost": "x"}, {"cost": {"seconds": "x"}}, {"cost": [1]}, {"made": "x"}, {"made": True}, {"made": 1e300}, {"made": 10**400},
    {"ingredients": []}, {"ingredients": None}, {"key": None}, {"error": 3},
)  # fmt: skip


@pytest.mark.parametrize("change", ODD, ids=lambda change: repr(change)[:40])
def test_a_forged_record_of_another_shape_is_damage_and_no_traceback(tmp_path, change):
    store = Store(tmp_path / "s")
    entry = small(store)
    forge(store, entry.key, **change)
    with pytest.raises(StoreError, match="damaged"):
        store.get(entry.key)
    assert command.store(store.path, verify=True)["damaged"] == [entry.key]
    assert [row["kind"] for row in store.entries()] == ["damaged"]
    assert store.prune(1e9)[0] == 1


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 50_000, b"null", b"\xff", b"", b'{"key": NaN}'])
def test_a_record_that_is_no_record_is_damage(tmp_path, text):
    store = Store(tmp_path / "s")
    entry = small(store)
    sealed = text[:-1] + b', "sha256": "' + hashlib.sha256(text).hexdigest().encode() + b'"}'
    for content in (text, sealed):
        (entry.folder / "record.json").write_bytes(content)
        (store.path / "ledger.sqlite").unlink(missing_ok=True)
        assert store.verify() == [entry.key]
        assert [row["kind"] for row in store.entries()] == ["damaged"]


def test_a_forged_run_gives_one_line_whatever_its_record_says(copy):
    run = the_run(copy)
    models = run.record["ingredients"]["models"]
    odd = [None, 3, "x", [], {}, [[]], {"x": {"y": []}}]
    for name in ("scenario", "seeds", "sizes", "setting", "duplicates", "task", "outputs", "observed", "level", "class_names"):
        for value in odd:
            forge(copy, run.key, **{name: value})
            with suppress(UntrainError):
                score_run(copy.get(run.key), copy)
    oracle = copy.get(models["oracle"][0])
    for name in ("cost", "guard", "notes"):
        for value in odd:
            forge(copy, oracle.key, **{name: value})
            with suppress(UntrainError):
                score_run(run, copy)


# ---- 51: parcels


def parcel_of(entry, names=(), **how):
    buffer, extra = io.BytesIO(), io.BytesIO()
    np.save(extra, np.arange(3))
    about = {"bytes": len(extra.getvalue()), "sha256": hashlib.sha256(extra.getvalue()).hexdigest()}
    record = {n: v for n, v in entry.record.items() if n != "sha256"}
    record["files"] = {**record["files"], **dict.fromkeys(names, about)}
    with zipfile.ZipFile(buffer, "w", **how) as parcel:
        parcel.writestr("record.json", seal(record))
        for name in entry.record["files"]:
            parcel.writestr(name, (entry.folder / name).read_bytes())
        for name in names:
            parcel.writestr(name, extra.getvalue())
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["../../../escaped.npy", "/tmp/absolute.npy", "a/b.npy", "..npy", ".hidden.npy", "x.pkl"])
def test_a_parcel_with_another_name_than_entries_have_writes_nothing(tmp_path, name):
    entry = small(Store(tmp_path / "from"))
    store = Store(tmp_path / "to")
    with pytest.raises(RunFailed, match="damaged"):
        unpack(parcel_of(entry, [name]), entry.key, store)
    assert store.entries() == []
    assert {f.name for f in tmp_path.iterdir()} == {"from", "to"}


def test_a_parcel_becomes_no_larger_than_it_came(tmp_path):
    entry = small(Store(tmp_path / "from"))
    with pytest.raises(RunFailed, match="packed in another way"):
        unpack(parcel_of(entry, compression=zipfile.ZIP_DEFLATED), entry.key, Store(tmp_path / "to"))


def test_a_parcel_arrives_whole_and_a_changed_byte_is_refused(tmp_path):
    entry, store = small(Store(tmp_path / "from"), note="x"), Store(tmp_path / "to")
    parcel = pack(entry)
    draw = np.random.default_rng(0)
    for at in draw.choice(len(parcel), 100):
        changed = parcel[:at] + bytes([parcel[at] ^ 16]) + parcel[at + 1 :]
        with suppress(RunFailed):
            unpack(changed, entry.key, store)
            assert store.verify() == [], "what arrived is whole"
    arrived = unpack(parcel, entry.key, store)
    assert (arrived.record["note"], arrived.array("a").tolist()) == ("x", list(range(40)))
    assert store.verify() == []


def test_what_is_packed_is_what_was_written_and_no_link(tmp_path):
    store = Store(tmp_path / "s")
    entry = small(store)
    shutil.move(entry.folder / "a.npy", tmp_path / "secret")
    (entry.folder / "a.npy").symlink_to(tmp_path / "secret")
    with pytest.raises(StoreError, match="damaged"):
        pack(entry)


def test_an_entry_is_not_given_a_file_of_a_strange_name(tmp_path):
    store = Store(tmp_path / "s")
    with pytest.raises(StoreError, match="no name for a file"):
        store.put({"kind": "x"}, {}, {"../a": np.zeros(3)})
    assert store.get(key_of({"kind": "x"})) is None


# ---- 45: nothing out of a record is imported


@pytest.mark.parametrize("place", ["task", "observed"])
def test_a_store_of_somebody_else_runs_no_code(copy, tmp_path, monkeypatch, place):
    (tmp_path / "planted.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    run = the_run(copy)
    models = run.record["ingredients"]["models"]
    every = [*models["original"], *models["oracle"], *(k for m in models["methods"] for k in m["keys"])]
    value = "planted.Evil()" if place == "task" else {"planted.Evil()": {key: key for key in every}}
    forge(copy, run.key, **{place: value})
    forget_scores(copy)
    if place == "task":
        with pytest.raises(StoreError, match="nothing is imported because a store says so"):
            report.report([run.key[:12]], copy.path, tmp_path / "out")
    else:
        told = report.report([run.key[:12]], copy.path, tmp_path / "out")
        assert any("planted.Evil" in line and "--plugin planted" in line for line in told["runs"][0]["warnings"])
    assert not (tmp_path / "ran").exists()


# ---- 56: every write of a full or read-only disk gives one line


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_mark_that_cannot_be_written_is_told_in_one_line(tmp_path, monkeypatch, number):
    store = Store(tmp_path / "s")

    def fail(*_args, **_more):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("pathlib.Path.write_text", fail)
    with pytest.raises(StoreError, match="name another place") as told, mark(store):
        pass
    assert "\n" not in str(told.value)


def test_work_of_this_process_stays_and_that_of_one_that_is_gone_goes_at_once(tmp_path):
    store = Store(tmp_path / "s")
    ours, gone = work_name("model"), work_name("model").replace(f"-{os.getpid()}.", "-4194399.")
    for name in (ours, gone):
        (store.path / "tmp" / name).mkdir()
    assert command.store(store.path)["left"] == [str(store.path / "tmp" / gone)]
    store.prune(1e9)
    assert [f.name for f in (store.path / "tmp").iterdir()] == [ours]


OTHERS = ("abcd.deadbeef-77.123", "whatever", "outside.deadbeef-77.123", "mark.deadbeef-77.123")


def test_prune_of_everything_leaves_no_work_of_others_and_names_what_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = Store(tmp_path / "s")
    for name in OTHERS:
        (store.path / "tmp" / name).mkdir()
        (store.path / "tmp" / name / "forget_inputs.npy").write_text("private")
    (store.path / "locks" / "notes.txt").write_text("private")
    before = command.store(store.path, prune=True, older_than=1)
    stays = {os.path.basename(each["name"]): each["why"] for each in before["stays"]}
    assert stays.keys() >= {*OTHERS, "notes.txt"}
    assert "another machine" in stays[OTHERS[0]]
    assert "no process" in stays["whatever"]
    after = command.store(store.path, prune=True, older_than=0)
    assert (after["stays"], after["left"]) == ([], [])
    assert not any(file.is_file() for part in ("tmp", "objects") for file in (store.path / part).rglob("*"))
    assert list((store.path / "locks").iterdir()) == []


def test_what_of_a_process_that_lives_stays_is_named_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = Store(tmp_path / "s")
    (store.path / "search").mkdir()
    (store.path / "search" / "a.journal").write_text("{}")
    with mark(store):
        stays = command.store(store.path, prune=True, older_than=0)["stays"]
    assert {os.path.basename(each["name"]).partition(".")[0]: each["why"] for each in stays} == {
        "mark": f"process {os.getpid()} of this machine lives",
        "a": "somebody works in the store",
    }


def test_an_age_below_an_hour_is_that_age_for_work_of_others_too(tmp_path):
    store = Store(tmp_path / "s")
    for name, age in (("old.deadbeef-1.1", 700), ("new.deadbeef-1.1", 500)):
        (store.path / "tmp" / name).mkdir()
        os.utime(store.path / "tmp" / name, (time.time() - age,) * 2)
    store.prune(600)
    assert [each.name for each in (store.path / "tmp").iterdir()] == ["new.deadbeef-1.1"]
