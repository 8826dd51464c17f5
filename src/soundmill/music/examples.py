"""``tf.train.Example`` messages without TensorFlow.

The schema is that of ``tensorflow/core/example/example.proto``, written down here with the map of
features as the repeated entries it is on the wire. It lives in a descriptor pool of its own, so it
cannot clash with TensorFlow's in one process.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message,
    message_factory,
)

from soundmill.errors import InputError

Value = bytes | npt.NDArray[Any]
_KINDS = {"bytes_list": "BytesList", "float_list": "FloatList", "int64_list": "Int64List"}


def encode_example(features: Mapping[str, Value]) -> bytes:
    """Serialise features as an Example, in the order of their names.

    Bytes become a bytes list of one value, integer arrays an int64 list, other arrays a float
    list (32 bits).
    """
    example = _example_class()()
    for key in sorted(features):
        value = features[key]
        entry = example.features.feature.add(key=key)
        if isinstance(value, bytes):
            entry.value.bytes_list.value.append(value)
        elif np.issubdtype(value.dtype, np.integer):
            entry.value.int64_list.value.extend(value.ravel().tolist())
        else:
            entry.value.float_list.value.extend(value.ravel().tolist())
    data: bytes = example.SerializeToString(deterministic=True)
    return data


def decode_example(data: bytes) -> dict[str, Value]:
    """Read an Example: bytes (the first value of a bytes list), int64 or float32 arrays.

    Raises
    ------
    InputError
        When the data is no Example.
    """
    example = _example_class()()
    try:
        example.ParseFromString(data)
    except message.DecodeError as error:
        raise InputError(f"the record is no tf.train.Example: {error}") from error
    return {entry.key: _value(entry.value) for entry in example.features.feature}


def _value(feature: Any) -> Value:
    if feature.HasField("bytes_list"):
        values = feature.bytes_list.value
        return bytes(values[0]) if values else b""
    if feature.HasField("float_list"):
        return np.array(feature.float_list.value, np.float32)
    return np.array(feature.int64_list.value, np.int64)


@functools.cache
def _example_class() -> Any:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="example.proto", package="tensorflow", syntax="proto3"
    )

    def add(name: str, *fields: tuple[str, int, int, str | None]) -> None:
        described = file.message_type.add(name=name)
        for number, (label, kind, repeated, type_name) in enumerate(fields, start=1):
            described.field.add(
                name=label,
                number=number,
                type=kind,
                label=repeated,
                type_name=type_name and f".tensorflow.{type_name}",
            )

    one, many = field.LABEL_OPTIONAL, field.LABEL_REPEATED
    add("BytesList", ("value", field.TYPE_BYTES, many, None))
    add("FloatList", ("value", field.TYPE_FLOAT, many, None))
    add("Int64List", ("value", field.TYPE_INT64, many, None))
    add("Feature", *((name, field.TYPE_MESSAGE, one, kind) for name, kind in _KINDS.items()))
    add(
        "FeatureEntry",
        ("key", field.TYPE_STRING, one, None),
        ("value", field.TYPE_MESSAGE, one, "Feature"),
    )
    add("Features", ("feature", field.TYPE_MESSAGE, many, "FeatureEntry"))
    add("Example", ("features", field.TYPE_MESSAGE, one, "Features"))

    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))
