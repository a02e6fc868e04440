"""Images in TFRecord files: one `tf.train.Example` for each image, read without TensorFlow.

The format is in TensorFlow's `tf.io.TFRecordWriter` and `example.proto`: each record is its length (8 bytes), the
checksum of the length (4 bytes), an encoded message, and the checksum of the message (4 bytes). A checksum is a masked
CRC-32C.
"""

import gzip
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any, BinaryIO, cast

from exprun.config.errors import DataError, one_line, printable
from exprun.config.images import Data
from exprun.config.labels import label_column
from exprun.data.decode import Piece
from exprun.data.pool import Source
from exprun.data.remote import open_file
from exprun.data.shards import Record, Shard, check_columns, find_files, names_beside, source_of

PATTERN = r"\.(tfrecords?|tfrec)\b|-\d{5}-of-\d{5}$"
HEAD, CHECKSUM = 12, 4  # bytes: a length and its checksum, and the checksum of a message
# The names of features in TensorFlow's scripts for ImageNet, which are the defaults, and in TensorFlow Datasets.
ALSO = {"image/encoded": "image", "image/class/label": "label"}
KINDS = (("bytes_list", 12), ("float_list", 2), ("int64_list", 3))  # of a feature, with protobuf's number of the type


def locate_tfrecord(data: Data) -> Source:
    """The images in TFRecord files, with their classes, splits and groups.

    Raises:
        DataError: there are no files, or the first one cannot be read or lacks a feature.
    """
    files = find_files(data, PATTERN, "TFRecord")
    columns = _columns(files.paths[0])
    other = {column: ALSO[column] for column in ALSO if column not in columns and ALSO[column] in columns}
    check_columns(data, [*columns, *other], files.paths[0])
    shards = [Shard(path, part, partial(_records, path, other)) for path, part in files.parts(data).items()]
    return source_of(data, files, shards, names_beside(files, other.get(label_column(data), label_column(data))))


def _columns(path: str) -> list[str]:
    """The names of the features in the first record of a file."""
    for _, features, _ in _examples(path):
        return sorted(features)
    return []


def _records(path: str, other: dict[str, str], columns: Sequence[str]) -> Iterator[Record]:
    for number, features, message in _examples(path):
        yield str(number), tuple(_value(features, other.get(column, column), message) for column in columns)


def _value(features: Any, column: str, message: bytes) -> Any:
    """The value of a feature: None if it has none, and a list if it has several."""
    if column not in features:
        return None
    kind = features[column].WhichOneof("kind")
    values = list(getattr(features[column], kind).value) if kind is not None else []
    if len(values) != 1:
        return values or None
    value = values[0]
    if isinstance(value, bytes) and isinstance(message, Piece):
        return Piece.of(value, message.file, message.offset + message.index(value))
    return value


def _examples(path: str) -> Iterator[tuple[int, Any, bytes]]:
    """The number, from 0, the features by name, and the encoded message of each record.

    Raises:
        DataError: a record is damaged, or the file ends within it.
    """
    from google.protobuf.message import DecodeError

    number = 0
    try:
        with open_file(path) as opened, _plain(path, opened) as file:
            offset = 0
            for number, content in enumerate(_messages(file)):
                message = content if path.endswith(".gz") else Piece.of(content, path, offset + HEAD)
                yield number, _example()().FromString(content).features.feature, message
                offset += HEAD + len(content) + CHECKSUM
                number += 1
        if number == 0:
            raise DataError(f"{printable(path)} is empty: remove it, or copy it again.")
    except (OSError, EOFError, zlib.error, ValueError, DecodeError) as error:
        reason = "it is no tf.train.Example" if isinstance(error, DecodeError) else one_line(error)[:120].rstrip(".")
        raise DataError(f"{printable(path)}, record {number:,}, cannot be read: {reason}.") from None


def _plain(path: str, file: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if path.endswith(".gz") else file


def _messages(file: BinaryIO) -> Iterator[bytes]:
    """The encoded messages of a file.

    Raises:
        ValueError: a record is damaged, or the file ends within it.
    """
    while head := file.read(HEAD):
        if len(head) < HEAD:
            raise ValueError("the file ends within it")
        length, checksum = struct.unpack("<QI", head)
        if checksum != _masked(head[:8]):
            raise ValueError("the checksum of its length is wrong, so the file is damaged or no TFRecord file")
        content = file.read(length + CHECKSUM)
        if len(content) < length + CHECKSUM:
            raise ValueError("the file ends within it")
        if struct.unpack("<I", content[length:])[0] != _masked(content[:length]):
            raise ValueError("its checksum is wrong, so it is damaged")
        yield content[:length]


def _masked(content: bytes) -> int:
    """The masked CRC-32C of some bytes, as TFRecord files have it."""
    import google_crc32c

    crc = google_crc32c.value(content)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _example() -> Any:
    """The class of the message `tf.train.Example`, made from its definition: TensorFlow takes seconds to import."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="exprun/example.proto", package="exprun", syntax="proto3")
    optional, repeated, message = 1, 3, 11  # protobuf's numbers of labels, and of the type of messages

    def add(parent: Any, name: str, number: int, label: int, kind: int, type_name: str = "") -> Any:
        field = parent.field.add(name=name, number=number, label=label, type=kind)
        if type_name:
            field.type_name = f".exprun.{type_name}"
        return field

    for name, kind in KINDS:
        add(file.message_type.add(name=name), "value", 1, repeated, kind)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, _) in enumerate(KINDS, 1):
        add(feature, name, number, optional, message, name).oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    add(entry, "key", 1, optional, 9)
    add(entry, "value", 2, optional, message, "Feature")
    add(features, "feature", 1, repeated, message, "Features.FeatureEntry")
    add(file.message_type.add(name="Example"), "features", 1, optional, message, "Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("exprun.Example"))
