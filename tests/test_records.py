"""The TFRecord container: byte for byte the standard's, and nothing damaged goes unseen."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfrecord.reader import tfrecord_iterator
from tfrecord.tools.tfrecord2idx import create_index

from soundmill.errors import InputError
from soundmill.records import (
    RecordFile,
    find_shards,
    index_path,
    masked_crc,
    read_records,
    shard_paths,
    write_records,
)

PAYLOADS = [b"one", b"", b"three" * 1000, bytes(range(256))]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "train-00000-of-00001.tfrecord"
    write_records(path, PAYLOADS)
    return path


def test_known_frame(tmp_path):
    # from record_writer.h by hand, checksums by the independent package crc32c
    write_records(tmp_path / "x.tfrecord", [b"hello"])
    expected = bytes.fromhex("0500000000000000eab2043e68656c6c6fbb1f1c19")
    assert (tmp_path / "x.tfrecord").read_bytes() == expected


def test_masked_crc_of_known_vectors():
    # RFC 3720, B.4: the CRC-32C of 32 zero bytes is 8a9136aa
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32


def test_tfrecord_package_reads_file_and_index(path, tmp_path):
    found = [bytes(view) for view in tfrecord_iterator(str(path), str(index_path(path)), (0, 1))]
    assert found == PAYLOADS
    create_index(str(path), str(tmp_path / "theirs"))
    assert index_path(path).read_bytes() == (tmp_path / "theirs").read_bytes()


@given(payloads=st.lists(st.binary(max_size=300), max_size=8))
def test_round_trip(payloads, tmp_path_factory):
    path = tmp_path_factory.mktemp("records") / "x.tfrecord"
    write_records(path, iter(payloads))
    records = RecordFile(path)
    assert list(read_records(path)) == payloads
    assert [records[i] for i in range(len(records))] == payloads


def test_random_access_by_index_and_without(path):
    with_index = RecordFile(path)
    index_path(path).unlink()
    for records in (with_index, RecordFile(path), pickle.loads(pickle.dumps(with_index))):
        assert [records[i] for i in (3, 0, -3)] == [PAYLOADS[3], PAYLOADS[0], PAYLOADS[1]]
        with pytest.raises(IndexError):
            records[4]


OFFSET = 12 + 3 + 4  # of record 1


@pytest.mark.parametrize(
    ("position", "record"),
    [
        pytest.param(0, 0, id="length"),
        pytest.param(7, 0, id="high byte of the length"),
        pytest.param(8, 0, id="checksum of the length"),
        pytest.param(12, 0, id="payload"),
        pytest.param(15, 0, id="checksum of the payload"),
        pytest.param(OFFSET + 12, 1, id="checksum of an empty payload"),
        pytest.param(OFFSET + 16 + 12 + 4321, 2, id="payload of a later record"),
    ],
)
def test_one_flipped_byte_names_file_and_record(path, position, record):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"{path}, record {record}: .*checksum"):
        list(read_records(path))
    with pytest.raises(InputError, match=rf"{path}, record {record}: .*checksum"):
        RecordFile(path)[record]


def test_every_flipped_bit_is_seen(tmp_path):
    path = tmp_path / "x.tfrecord"
    write_records(path, [b"some", b"records"])
    good = path.read_bytes()
    for bit in range(len(good) * 8):
        data = bytearray(good)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        with pytest.raises(InputError):
            list(read_records(path))


def test_truncated_anywhere(path):
    data = path.read_bytes()
    whole = {0, 19, 35, 35 + 5016}  # cuts between records leave a valid shorter file
    for size in [*range(1, 60), len(data) - 1, len(data) - 260]:
        path.write_bytes(data[:size])
        if size not in whole:
            with pytest.raises(InputError, match=r"record .*the file ends inside"):
                list(read_records(path))
        with pytest.raises(InputError, match="does not fit"):  # but the index knows
            RecordFile(path)


def test_index_of_another_file(path, tmp_path):
    write_records(tmp_path / "other.tfrecord", [b"other"])
    index_path(path).write_bytes((tmp_path / "other.index").read_bytes())
    with pytest.raises(InputError, match="does not fit"):
        RecordFile(path)
    index_path(path).write_text("0 20\n19 5032\n5051 272\n")  # overlap, same total
    with pytest.raises(InputError, match="does not fit"):
        RecordFile(path)
    index_path(path).write_text("no numbers\n")
    with pytest.raises(InputError, match="does not fit"):
        RecordFile(path)


def test_failed_write_leaves_the_old_file(path):
    def failing():
        yield b"new"
        raise RuntimeError("disk full")

    before = path.read_bytes()
    with pytest.raises(RuntimeError):
        write_records(path, failing())
    assert path.read_bytes() == before
    assert list(read_records(path)) == PAYLOADS
    assert sorted(path.parent.iterdir()) == sorted([path, index_path(path)])


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.tfrecord cannot be read"):
        RecordFile(tmp_path / "nothing.tfrecord")


def test_shards_are_found_complete_or_not_at_all(tmp_path):
    with pytest.raises(InputError, match="no shards"):
        find_shards(tmp_path, "train")
    paths = shard_paths(tmp_path, "train", 3)
    assert [path.name for path in paths][:1] == ["train-00000-of-00003.tfrecord"]
    for path in paths:
        write_records(path, [])
    assert find_shards(tmp_path, "train") == paths
    paths[1].unlink()
    with pytest.raises(InputError, match=r"train-00001-of-00003\.tfrecord is missing"):
        find_shards(tmp_path, "train")
    write_records(shard_paths(tmp_path, "train", 1)[0], [])
    with pytest.raises(InputError, match="different counts"):
        find_shards(tmp_path, "train")
