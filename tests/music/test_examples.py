"""Example messages: the bytes TensorFlow and other readers expect."""

import numpy as np
import pytest
from tfrecord import example_pb2

from soundmill.errors import InputError
from soundmill.music.examples import decode_example, encode_example

FEATURES = {"name": b"rain", "tokens": np.array([1, 300, 2]), "stretch": np.array([1.5])}


def test_wire_bytes_of_a_small_example():
    # Example{features{feature{key "a" value{int64_list{value [1, 300]}}}}}, field by field
    expected = bytes.fromhex("0a0e0a0c0a016112071a050a0301ac02")
    assert encode_example({"a": np.array([1, 300])}) == expected


def test_readable_with_the_official_schema():
    example = example_pb2.Example.FromString(encode_example(FEATURES))
    feature = example.features.feature
    assert sorted(feature) == ["name", "stretch", "tokens"]
    assert list(feature["name"].bytes_list.value) == [b"rain"]
    assert list(feature["tokens"].int64_list.value) == [1, 300, 2]
    assert list(feature["stretch"].float_list.value) == [1.5]


def test_reads_what_the_official_schema_writes():
    example = example_pb2.Example.FromString(encode_example(FEATURES))
    found = decode_example(example.SerializeToString())
    assert found["name"] == b"rain"
    assert found["tokens"].tolist() == [1, 300, 2]
    assert found["stretch"].tolist() == [1.5]


def test_no_example():
    with pytest.raises(InputError, match=r"no tf\.train\.Example"):
        decode_example(b"\xff\xff\xff")
