"""Every data set comes through one call: real formats are read, downloads checked, and a missing one explained."""

import functools
import gzip
import hashlib
import http.server
import io
import pickle
import socket
import struct
import subprocess
import sys
import tarfile
import threading

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from kernelbook import data


def idx(array):
    """Bytes of an array of bytes in the idx format of MNIST: magic number, sizes, data."""
    sizes = b"".join(struct.pack(">i", n) for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def write_mnist(folder, number=5, seed=0):
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    written = {}
    for split, count in (("train", number), ("t10k", number - 2)):
        images, labels = random.integers(0, 256, (count, 28, 28)), random.integers(0, 10, count)
        (folder / f"{split}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx(labels))
        written[split] = images, labels
    return written


def md5(content):
    return hashlib.md5(content).hexdigest()


def write_cifar(folder, monkeypatch, kind=datasets.CIFAR10):
    """Batches of 3 pictures in CIFAR's pickles, whose sums torchvision is told to expect."""
    random = np.random.default_rng(1)
    folder.mkdir(parents=True)
    key, classes = ("labels", 10) if kind is datasets.CIFAR10 else ("fine_labels", 100)
    sums, written = {}, {}
    for name, _ in kind.train_list + kind.test_list:
        pixels, labels = random.integers(0, 256, (3, 3072), dtype=np.uint8), random.integers(0, classes, 3).tolist()
        content = pickle.dumps({"data": pixels, key: labels}, protocol=2)
        (folder / name).write_bytes(content)
        sums[name], written[name] = md5(content), (pixels, labels)
    meta = pickle.dumps({kind.meta["key"]: [f"class{n}" for n in range(classes)]})
    (folder / kind.meta["filename"]).write_bytes(meta)
    for part in ("train_list", "test_list"):
        monkeypatch.setattr(kind, part, [[name, sums[name]] for name, _ in getattr(kind, part)])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5(meta)})
    return written


def jpeg(size, colour):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whoever asks for a name of the internet fails at once, as on a computer without a network."""
    ask = socket.getaddrinfo

    def refuse(host, *arguments, **options):
        if host != "127.0.0.1":
            raise socket.gaierror(-2, "Name or service not known")
        return ask(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def server(tmp_path):
    """A folder, and the address at which this machine serves it to itself."""
    folder = tmp_path / "server"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{web.server_port}/"
        web.shutdown()
        thread.join()


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_idx_files_are_read(tmp_path, name, folder):
    written = write_mnist(tmp_path / folder / "raw")
    for split, part in (("train", "train"), ("test", "t10k")):
        images, labels, classes = data.load(name, split, folder=tmp_path)
        assert images.shape == (len(written[part][0]), 1, 28, 28)
        assert images.dtype == np.float32
        assert np.array_equal(np.round(images[:, 0] * 255), written[part][0])
        assert np.array_equal(labels, written[part][1])
        assert len(classes) == 10
    assert classes[3] == {"mnist": "three", "fashion-mnist": "Dress"}[name]


@pytest.mark.parametrize(("name", "kind"), [("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)])
def test_cifar_pickles_are_read_channel_by_channel(tmp_path, monkeypatch, name, kind):
    written = write_cifar(tmp_path / kind.base_folder, monkeypatch, kind)
    images, labels, classes = data.load(name, folder=tmp_path)
    pixels = np.concatenate([written[part][0] for part, _ in kind.train_list]).reshape(-1, 3, 32, 32)
    assert np.array_equal(np.round(images * 255), pixels)
    assert labels.tolist() == [label for part, _ in kind.train_list for label in written[part][1]]
    assert classes[2] == "class2"
    assert len(data.load(name, "test", folder=tmp_path).images) == 3


def test_imagenette_and_a_folder_of_your_own_are_cut_square_and_scaled(tmp_path):
    red, blue = (200, 20, 20), (20, 20, 200)
    nette = tmp_path / "imagenette2-160"
    for split in ("train", "val"):
        for wnid, colour in (("n01440764", red), ("n03888257", blue)):
            (nette / split / wnid).mkdir(parents=True)
            (nette / split / wnid / "a.jpeg").write_bytes(jpeg((30, 20), colour))
    for loaded, names in (
        (data.load("imagenette", "test", folder=tmp_path, size=12), ("tench", "parachute")),
        (data.load(nette, "test", size=12), ("n01440764", "n03888257")),
    ):
        assert loaded.images.shape == (2, 3, 12, 12)
        assert loaded.classes == names
        assert loaded.labels.tolist() == [0, 1]
        assert abs(loaded.images[0].mean((1, 2)) * 255 - red).max() < 8
        assert abs(loaded.images[1].mean((1, 2)) * 255 - blue).max() < 8
    assert data.load("imagenette", folder=tmp_path).images.shape == (2, 3, 64, 64)
    with pytest.raises(ValueError, match="no folder named train"):
        data.load(tmp_path)


def test_the_square_is_cut_from_the_middle(tmp_path):
    picture = Image.new("RGB", (60, 20), (255, 255, 255))
    picture.paste((0, 0, 0), (20, 0, 40, 20))
    (tmp_path / "train" / "one").mkdir(parents=True)
    picture.save(tmp_path / "train" / "one" / "a.png")
    assert not data.load(tmp_path, size=10).images.any()


def test_what_is_missing_is_downloaded_once_with_a_bar(tmp_path, monkeypatch, capsys, server):
    source, address = server
    written = write_mnist(source / "plain")
    sums = []
    for name, _ in datasets.MNIST.resources:
        content = gzip.compress((source / "plain" / name.removesuffix(".gz")).read_bytes())
        (source / name).write_bytes(content)
        sums.append((name, md5(content)))
    monkeypatch.setattr(datasets.MNIST, "mirrors", [address])
    monkeypatch.setattr(datasets.MNIST, "resources", sums)
    cache = tmp_path / "cache"
    with pytest.raises(data.DataUnavailable, match="download=False"):
        data.load("mnist", folder=cache, download=False)
    assert np.array_equal(data.load("mnist", folder=cache).labels, written["train"][1])
    assert "100%" in capsys.readouterr().err
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://nowhere.invalid/"])
    assert np.array_equal(data.load("mnist", "test", folder=cache).labels, written["t10k"][1])


def test_a_downloaded_archive_is_unpacked_and_its_sum_is_checked(tmp_path, monkeypatch, server):
    source, address = server
    write_cifar(source / "cifar-10-batches-py", monkeypatch)
    archive = source / "cifar.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(source / "cifar-10-batches-py", "cifar-10-batches-py")
    monkeypatch.setattr(datasets.CIFAR10, "url", address + "cifar.tar.gz")
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", "0" * 32)
    with pytest.raises(data.DataUnavailable, match="corrupted"):
        data.load("cifar10", folder=tmp_path / "cache")
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(archive.read_bytes()))
    assert len(data.load("cifar10", folder=tmp_path / "cache").images) == 15


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10", "cifar100", "imagenette"])
def test_offline_there_is_one_sentence_that_says_what_to_do(tmp_path, name):
    with pytest.raises(data.DataUnavailable) as caught:
        data.load(name, folder=tmp_path)
    error, sentence = caught.value, str(caught.value)
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert error.name == name
    assert error.looked_for.is_relative_to(tmp_path)
    assert str(error.looked_for) in sentence
    assert "Name or service not known" in sentence
    assert f"data.load('{name}')" in sentence
    assert "digits, photographs, textures, wafers" in sentence
    assert "\n" not in sentence
    assert error._render_traceback_() == [f"DataUnavailable: {sentence}"]


def test_a_damaged_file_is_called_damaged(tmp_path, monkeypatch):
    write_mnist(tmp_path / "MNIST" / "raw")
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(data.DataUnavailable, match="mnist is damaged"):
        data.load("mnist", folder=tmp_path)
    write_cifar(tmp_path / "cifar-10-batches-py", monkeypatch)
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(b"")
    with pytest.raises(data.DataUnavailable, match="cifar10 is damaged"):
        data.load("cifar10", folder=tmp_path)


def test_the_patience_for_a_server_ends_with_the_call(tmp_path):
    before = socket.getdefaulttimeout()
    with pytest.raises(data.DataUnavailable):
        data.load("cifar10", folder=tmp_path)
    assert socket.getdefaulttimeout() == before


def test_the_cache_folder_is_the_readers_choice(tmp_path, monkeypatch):
    monkeypatch.setenv("KERNELBOOK_DATA", str(tmp_path / "here"))
    assert data.cache_folder() == tmp_path / "here"
    written = write_mnist(tmp_path / "here" / "MNIST" / "raw")
    assert np.array_equal(data.load("mnist").labels, written["train"][1])
    monkeypatch.delenv("KERNELBOOK_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data.cache_folder() == tmp_path / "kernelbook"


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("wafers", (7, 1, 32, 32), 9), ("textures", (7, 1, 32, 32), 20), ("photographs", (7, 3, 32, 32), 2)],
)
def test_drawn_sets_come_through_the_same_call(name, shape, classes):
    train = data.load(name, number=7)
    assert train.images.shape == shape
    assert len(train.classes) == classes
    assert np.array_equal(train.images, data.load(name, number=7).images)
    assert not np.array_equal(train.images, data.load(name, "test", number=7).images)
    assert data.load(name, number=2, size=20).images.shape[2:] == (20, 20)
    assert len(data.load(name).images) == 2000
    assert np.array_equal(data.load("wafers", number=7).images, data.wafers(7)[0])


def test_digits_are_split_once_and_for_all():
    train, test = data.load("digits"), data.load("digits", "test")
    everything = data.digits()
    assert np.array_equal(np.concatenate([train.images, test.images]), everything[0])
    assert np.array_equal(np.concatenate([train.labels, test.labels]), everything[1])
    some = data.load("digits", number=40, seed=3)
    assert len(some.images) == 40
    for picture, label in zip(some.images, some.labels, strict=True):
        same = (train.images == picture).all((1, 2, 3))
        assert label in train.labels[same]
    large = data.load("digits", number=40, seed=3, size=16)
    assert large.images.shape == (40, 1, 16, 16)
    assert np.array_equal(large.labels, some.labels)


def test_fewer_pictures_are_drawn_without_repetition(tmp_path):
    written = write_mnist(tmp_path / "MNIST" / "raw", number=9)
    loaded = data.load("mnist", folder=tmp_path, number=8, seed=1)
    places = [int(np.flatnonzero((written["train"][0] == np.round(p[0] * 255)).all((1, 2)))[0]) for p in loaded.images]
    assert len(set(places)) == 8
    assert np.array_equal(loaded.labels, written["train"][1][places])
    assert data.load("mnist", folder=tmp_path, number=0).images.shape[0] == 0
    with pytest.raises(ValueError, match="there are 9 pictures, fewer than the 10"):
        data.load("mnist", folder=tmp_path, number=10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "cats"}, "unknown data set 'cats': choose from cifar10, .*wafers"),
        ({"name": "wafers", "split": "val"}, "split must be train or test, got 'val'"),
        ({"name": "wafers", "number": -1}, "must not be negative, got -1"),
        ({"name": "digits", "number": 1501}, "there are 1500 pictures"),
    ],
)
def test_impossible_requests_are_refused_with_the_reason(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.load(**arguments)


def test_the_books_own_data_wait_for_no_torch():
    """Importing torch takes seconds; drawing a wafer must not."""
    code = "import sys, kernelbook.data as d; d.load('wafers', number=1); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
