import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from untrain.core.errors import BrokenPromise, DataError, FileChanged, MissingExtra, NotFinite, OutOfMemory, SpecError, StoreError
from untrain.core.work_files import work_name
from untrain.runtime.store import Contents, Store, key_of

PUT = """
import sys, numpy as np
from untrain.runtime.store import Store
store, word, size = Store(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for at in range(10_000):
    made = {"kind": "model", "word": word, "at": at}
    store.put(made, {"cost": {"seconds": 1.0}}, {"a": np.full(size, at)}, {"w": {"x": np.full(size, at)}})
    print(at, flush=True)
    if at + 1 == int(sys.argv[4]):
        break
"""


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def put(store, at=0, **more):
    return store.put(
        {"kind": "model", "at": at, "label": f"number {at}"}, {"cost": {"seconds": 2.0}, **more}, {"a": np.arange(5) + at}
    )


def child(path, word, size=10, count=10_000):
    return subprocess.Popen(
        [sys.executable, "-c", PUT, str(path), word, str(size), str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def go(process):
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()


def test_what_was_put_is_got(store):
    made = {"kind": "model", "seed": 3}
    store.put(made, {"note": "x"}, {"a": np.arange(6).reshape(2, 3)}, {"w": {"layer.weight": np.ones((2, 2), np.float32)}})
    entry = Store(store.path).get(key_of(made))
    assert entry.record["note"] == "x"
    assert entry.record["ingredients"] == made
    assert entry.array("a").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert entry.tensors("w")["layer.weight"].tolist() == [[1, 1], [1, 1]]


def test_what_was_not_put_is_not_there(store):
    assert store.get("0" * 64) is None


def test_the_label_does_not_count_in_the_key_and_all_else_does():
    assert key_of({"kind": "a", "label": "x"}) == key_of({"label": "y", "kind": "a"})
    assert key_of({"kind": "a", "seed": 1}) != key_of({"kind": "a", "seed": 2})


def test_the_first_of_equal_entries_stays(store):
    first = put(store, note="first")
    assert put(store, note="second").record == first.record
    assert len(store.entries()) == 1
    assert not list((store.path / "tmp").iterdir())


@pytest.mark.parametrize(
    "content",
    [
        *('{"format": 1}', '{"format": 3}', '{"format": 2.0}', '{"format": true}', '{"format": "2"}', "{}", "[]", "null"),
        *("garbage", "", "[" * 100_000, b"\xff\xfe"),
    ],
    ids=lambda content: repr(content)[:20],
)
def test_a_store_of_another_version_or_a_damaged_marker_is_refused(store, content):
    (store.path / "STORE.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StoreError, match=r"format|damaged"):
        Store(store.path)


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(StoreError, match="not an untrain store and not empty"):
        Store(tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_and_a_place_under_a_file_are_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(StoreError):
            Store(path)


def test_a_store_whose_making_was_killed_is_made_whole(tmp_path):
    (tmp_path / "store" / "objects").mkdir(parents=True)
    (tmp_path / "store" / "tmp").mkdir()
    assert put(Store(tmp_path / "store")).array("a").tolist() == [0, 1, 2, 3, 4]


def test_many_may_make_the_same_store_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda at: put(Store(tmp_path / f"s{at // 8}"), at), range(64)))
    assert len({e.key for e in made}) == 64


def test_a_killed_writer_leaves_nothing_half_written(tmp_path):
    Store(tmp_path)
    rounds = np.random.default_rng(0).uniform(0, 0.05, 4)
    for word, pause in enumerate(rounds):
        process = child(tmp_path, str(word), size=200_000)
        go(process)
        process.stdout.readline()
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        told = process.communicate()[0].split()
        store = Store(tmp_path)
        assert store.verify() == []
        seen = [json.loads(f.read_text())["ingredients"] for f in tmp_path.glob("objects/*/*/record.json")]
        mine = sorted(made["at"] for made in seen if made["word"] == str(word))
        assert mine == list(range(len(mine)))
        assert len(mine) >= max(map(int, told), default=0) + 1
        assert len(store.entries()) == len(seen)
    for entry in map(store.get, (row["key"] for row in store.entries())):
        assert (entry.array("a") == entry.record["ingredients"]["at"]).all()
        assert (entry.tensors("w")["x"] == entry.record["ingredients"]["at"]).all()


def test_two_processes_put_the_same_and_different_keys_at_once(tmp_path):
    Store(tmp_path)
    racers = [child(tmp_path, word, count=25) for word in ("same", "same", "other")]
    for process in racers:
        go(process)
    assert [p.communicate()[0].split()[-1] for p in racers] == ["24"] * 3
    assert [p.returncode for p in racers] == [0, 0, 0]
    store = Store(tmp_path)
    assert len(store.entries()) == 50
    assert store.verify() == []
    assert not list((tmp_path / "tmp").iterdir())


def holder(path, doing):
    code = f"import time\nfrom untrain.runtime.store import Store\nwith Store({str(path)!r}).alone('k'):\n"
    code += f" print('in', flush=True)\n {doing}"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_alone_keeps_a_second_process_out_until_the_first_ends(tmp_path):
    store = Store(tmp_path)
    with store.alone("k"):
        with store.alone("another"):
            pass
        process = holder(tmp_path, "pass")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
    assert process.communicate(timeout=30)[0] == "in\n"


def test_alone_lets_go_when_its_holder_is_killed(tmp_path):
    process = holder(tmp_path, "time.sleep(60)")
    assert process.stdout.readline() == "in\n"
    process.kill()
    process.communicate()
    entered = threading.Event()

    def enter():
        with Store(tmp_path).alone("k"):
            entered.set()

    threading.Thread(target=enter, daemon=True).start()
    assert entered.wait(10)


@pytest.mark.parametrize(
    "writer", ["untrain.runtime.store.np.save", "untrain.runtime.store.save_file", "untrain.runtime.store.sync"]
)
def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(store, monkeypatch, writer):
    from safetensors import SafetensorError

    def full(*_args, **_more):
        if "save_file" in writer:
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    put(store, 0)
    with monkeypatch.context() as patch:
        patch.setattr(writer, full)
        with pytest.raises(StoreError, match="is full") as told:
            store.put({"kind": "x"}, {}, {"a": np.zeros(3)}, {"w": {"x": np.zeros(3)}})
    assert "\n" not in str(told.value)
    assert len(store.entries()) == 1
    assert not list((store.path / "tmp").iterdir())


def test_a_disk_that_fills_up_in_an_array_is_told_as_full(tmp_path):
    code = f"""
import resource, signal, numpy as np
from untrain.runtime.store import Store
store = Store({str(tmp_path)!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for parts in ({{"arrays": {{"a": np.zeros(10_000)}}}}, {{"tensors": {{"w": {{"x": np.zeros(10_000)}}}}}}):
    try:
        store.put({{"kind": "x"}}, {{}}, **parts)
    except Exception as error:
        print(type(error).__name__, str(error).count("\\n"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "StoreError 0\nStoreError 0\n"
    assert Store(tmp_path).entries() == []


def test_a_read_only_store_can_be_read_and_tells_when_it_is_written(store, monkeypatch):
    entry = put(store)
    key = entry.key

    plain = os.open

    def refuse(*_args, **_more):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def only_reading(path, flags, *args, **more):
        return refuse() if flags & (os.O_WRONLY | os.O_RDWR) else plain(path, flags, *args, **more)

    def ledger(*_args, **_more):
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr("untrain.runtime.store.Path.mkdir", refuse)
    monkeypatch.setattr("os.open", only_reading)
    monkeypatch.setattr("untrain.runtime.store_index.sqlite3.connect", ledger)
    again = Store(store.path)
    assert again.get(key).array("a").tolist() == [0, 1, 2, 3, 4]
    assert [r["key"] for r in again.entries()] == [key]
    with pytest.raises(StoreError, match="Read-only"):
        put(again, 1)
    with pytest.raises(StoreError, match="Read-only"), again.alone("k"):
        pass


def test_without_a_usable_ledger_entries_are_listed_from_their_records(store, monkeypatch):
    rows = [put(store, at).key for at in range(3)]
    listed = store.entries()

    def ledger(*_args, **_more):
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr("untrain.runtime.store_index.sqlite3.connect", ledger)
    assert store.entries() == listed
    assert [r["key"] for r in listed] == rows


def test_a_lost_ledger_is_rebuilt(store):
    for at in range(3):
        put(store, at)
    before = store.entries()
    (store.path / "ledger.sqlite").unlink()
    assert store.entries() == before
    assert [r["label"] for r in before] == ["number 0", "number 1", "number 2"]
    assert before[0]["seconds"] == 2.0


def other_table(file):
    file.unlink()
    with sqlite3.connect(file) as index:
        index.execute("create table entries (key text, kind blob)")


def odd_cells(file):
    with sqlite3.connect(file) as index:
        index.execute("update entries set made = 'yesterday', bytes = -1.5, label = x'00ff'")


def other_size(file):
    with sqlite3.connect(file) as index:
        index.execute("update entries set bytes = bytes + 1")


def a_folder(file):
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b"not a database" * 100),
        lambda file: file.write_bytes(file.read_bytes()[:6000]),
        lambda file: file.write_bytes(file.read_bytes()[:4096] + b"\xff" * (file.stat().st_size - 4096)),
        other_table, odd_cells, other_size, a_folder,
    ],
    ids=["garbage", "cut", "garbled pages", "another table", "odd cells", "another size", "a folder"],
)  # fmt: skip
def test_a_ledger_that_is_damaged_or_odd_costs_time_and_nothing_else(store, spoil):
    keys = [put(store, at).key for at in range(3)]
    before = store.entries()
    spoil(store.path / "ledger.sqlite")
    assert store.entries() == before
    assert put(store, 3).array("a").tolist() == [3, 4, 5, 6, 7]
    assert [row["key"] for row in store.entries()][:3] == keys
    assert store.prune()[0] == 4


def test_a_ledger_that_is_a_link_is_not_followed(store, tmp_path):
    other = tmp_path / "other.sqlite"
    (store.path / "ledger.sqlite").symlink_to(other)
    put(store)
    assert len(store.entries()) == 1
    assert not other.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", b"\xff\xfe\x00", '{"key": "another"}'])
def test_a_damaged_record_is_told_listed_as_damaged_and_can_be_pruned(store, content):
    entry = put(store)
    put(store, 1)
    (entry.folder / "record.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    (store.path / "ledger.sqlite").unlink()
    with pytest.raises(StoreError, match=f"{entry.key[:12]}.*damaged.*--prune` removes"):
        store.get(entry.key)
    assert sorted(r["kind"] for r in store.entries()) == ["damaged", "model"]
    assert store.verify() == [entry.key]
    size = sum(f.stat().st_size for f in entry.folder.iterdir())
    assert store.prune(kinds=("damaged",)) == (1, size)
    assert put(store).array("a").tolist() == [0, 1, 2, 3, 4]


def test_verify_finds_a_flipped_byte_and_a_lost_file(store):
    flipped, lost, whole = (put(store, at) for at in range(3))
    file = flipped.folder / "a.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    (lost.folder / "a.npy").unlink()
    assert store.verify() == sorted([flipped.key, lost.key])
    assert whole.key not in store.verify()


def test_a_lost_or_cut_file_is_told_in_one_line(store):
    entry = store.put({"kind": "x"}, {}, {"a": np.zeros(100)}, {"w": {"x": np.zeros(9)}})
    (entry.folder / "a.npy").write_bytes((entry.folder / "a.npy").read_bytes()[:200])
    (entry.folder / "w.safetensors").write_bytes(b"garbage")
    for read in (lambda: entry.array("a"), lambda: entry.tensors("w"), lambda: entry.array("never")):
        with pytest.raises(StoreError, match="damaged") as told:
            read()
        assert "\n" not in str(told.value)


def test_prune_removes_what_is_old_and_tells_how_much(store):
    for at in range(3):
        put(store, at)
    size = store.entries()[0]["bytes"]
    assert store.prune(older_than=3600) == (0, 0)
    assert store.prune(kinds=("run",)) == (0, 0)
    assert store.prune() == (3, 3 * size)
    assert store.entries() == []


def test_prune_clears_work_that_was_left_long_ago_and_spares_what_is_at_work(store):
    for name in ("old", "fresh"):
        (store.path / "tmp" / name).mkdir()
    os.utime(store.path / "tmp" / "old", (0, 0))
    store.prune(older_than=3600)
    assert [f.name for f in (store.path / "tmp").iterdir()] == ["fresh"]


def left(store, name, age):
    """Work in ``tmp/`` of some age in seconds."""
    work = store.path / "tmp" / name
    work.mkdir()
    (work / "forget_inputs.npy").write_text("private")
    os.utime(work, (time.time() - age,) * 2)
    return work


def test_prune_spares_an_entry_that_another_process_holds(store):
    held, free = put(store, 0).key, put(store, 1).key
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"""
import time
from untrain.runtime.store import Store
with Store({str(store.path)!r}).alone({held!r}):
    print('in', flush=True)
    time.sleep(60)
""",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "in\n"
    assert store.prune()[0] == 1
    assert (store.get(held) is None, store.get(free) is None) == (False, True)
    process.kill()
    process.communicate()
    assert store.prune()[0] == 1


def test_alone_without_waiting_tells_whether_the_key_is_held(store):
    with store.alone("k", wait=False) as first, store.alone("k", wait=False) as second:
        assert (first, second) == (True, False)
    with store.alone("k", wait=False) as again:
        assert again


def test_prune_removes_at_once_what_a_killed_prune_had_moved_away(store):
    gone = left(store, work_name("gone-model"), age=0)
    store.prune(older_than=1e9)
    assert not gone.exists()


def test_prune_spares_old_work_of_a_process_that_lives_and_removes_that_of_one_that_died(store):
    died = subprocess.Popen([sys.executable, "-c", ""])
    died.wait()
    names = [work_name("model").replace(f"-{os.getpid()}.", f"-{pid}.") for pid in (os.getpid(), died.pid)]
    living, dead = left(store, names[0], age=1e6), left(store, names[1], age=0)
    store.prune()
    assert (living.exists(), dead.exists()) == (True, False)


def test_prune_does_not_mind_work_that_is_finished_while_it_looks(store, monkeypatch):
    put(store)
    phantom = [store.path / "tmp" / name for name in ("gone-0.1.2", work_name("model"))]
    plain = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: iter(phantom) if path.name == "tmp" else plain(path))
    assert store.prune()[0] == 1


def test_two_may_prune_at_once(store):
    for at in range(20):
        put(store, at)
    with ThreadPoolExecutor(4) as pool:
        removed = list(pool.map(lambda _: Store(store.path).prune()[0], range(4)))
    assert sum(removed) == 20
    assert not list((store.path / "tmp").iterdir())


def test_a_record_holds_no_nan(store):
    with pytest.raises(ValueError, match="JSON"):
        put(store, score=float("nan"))
    assert store.entries() == []
    assert not list((store.path / "tmp").iterdir())


def made_by(store, work, number=1, **how):
    return store.get_or_make({"kind": "model", "number": number, "label": "for people"}, work, **how)


def test_an_entry_is_made_once_and_then_found(tmp_path):
    store, calls = Store(tmp_path), []

    def work():
        calls.append(1)
        return Contents({"fact": 3}, {"a": np.arange(3)}, {"weights": {"w": np.ones(2)}})

    first, again = made_by(store, work), made_by(store, work)
    assert calls == [1]
    assert first.key == again.key == key_of({"kind": "model", "number": 1})
    assert (again.record["fact"], again.array("a").tolist()) == (3, [0, 1, 2])
    assert store.tensors(again.key, "weights")["w"].tolist() == [1, 1]
    assert store.has(first.key)
    assert made_by(store, work, number=2).key != first.key


@pytest.mark.parametrize(
    "error", [NotFinite("it is NaN"), DataError("no such class"), SpecError("no such field"), BrokenPromise("it moved")]
)
def test_a_failure_of_the_work_is_an_entry_where_it_is_kept_and_raised_where_not(tmp_path, error):
    store, calls = Store(tmp_path), []

    def work():
        calls.append(1)
        raise error

    with pytest.raises(type(error), match=str(error)):
        made_by(store, work)
    assert store.entries() == []
    for _ in range(2):
        entry = made_by(store, work, keep_failures=True)
        assert (entry.record["error"], entry.final) == (str(error), True)
    assert calls == [1, 1]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("by\n zero"), "ZeroDivisionError: by zero"),
        (OutOfMemory("out of memory with one example at a time"), "out of memory with one example at a time"),
    ],
)
def test_a_failure_that_may_be_the_machine_s_is_tried_again(tmp_path, error, said):
    store, faults = Store(tmp_path), [error]

    def work():
        if faults:
            raise faults.pop()
        return Contents({"fact": 1})

    entry = made_by(store, work, keep_failures=True)
    assert (entry.record["error"], entry.final, store.has(entry.key)) == (said, False, False)
    assert made_by(store, work, keep_failures=True).record["fact"] == 1
    assert store.has(entry.key)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError("disk"),
        StoreError("full"),
        FileChanged("written anew"),
        MissingExtra("pip install it"),
        KeyboardInterrupt(),
    ],
)
def test_failures_of_the_machine_and_of_the_store_are_never_entries(tmp_path, error):
    def work():
        raise error

    store = Store(tmp_path)
    with pytest.raises(type(error)):
        made_by(store, work, keep_failures=True)
    assert store.entries() == []
    assert made_by(store, lambda: Contents({})).final


def test_nobody_else_makes_an_entry_meanwhile(tmp_path):
    def work():
        with Store(tmp_path).alone(key_of({"kind": "model", "number": 1}), wait=False) as free:
            assert not free
        return Contents({})

    made_by(Store(tmp_path), work)


def test_named_arrays_keep_their_shapes(tmp_path):
    """Also that of a single number, which is no row."""
    given = {"number": np.float32(2).reshape(()), "none": np.zeros((0, 3)), "turned": np.arange(6).reshape(2, 3).T}
    entry = Store(tmp_path).put({"kind": "shapes"}, {}, {}, {"w": given})
    for name, array in entry.tensors("w").items():
        assert array.shape == given[name].shape
        assert (array == given[name]).all()
