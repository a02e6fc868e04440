"""Images in Parquet files, and in the Arrow files of Hugging Face's library `datasets`, one in each row."""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from exprun.config.errors import DataError, one_line, printable
from exprun.config.images import Data
from exprun.config.labels import label_column
from exprun.data.decode import Content, Piece
from exprun.data.pool import Source
from exprun.data.remote import is_remote, open_file
from exprun.data.shards import Record, Shard, check_columns, find_files, names_beside, source_of

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET = r"\.(parquet|pq)$"
ARROW = r"^(?!cache-).*\.arrow$"  # without the results of `map`, which the library keeps next to its files
MAGIC = b"ARROW1"  # the first bytes of an Arrow file that is no stream
PATHS = ("string", "large_string", "string_view")  # Arrow's names of the types of text
IMAGES, VALUES = 64, 8192  # rows read at a time, with and without images
BUFFER = 2**20  # bytes of a column that are read at a time, so that a row group need not fit into memory


class _Table(NamedTuple):
    """An opened file.

    Args:
        schema: the names and types of its columns.
        batches: function that returns the rows of some columns, in batches.
        mapped: the bytes of the file, in memory; None if its values are not stored in it as they are.
    """

    schema: "pa.Schema"
    batches: Any
    mapped: "pa.Buffer | None" = None


def locate_arrow(data: Data) -> Source:
    """The images in Parquet or Arrow files, one in each row, with their classes, splits and groups.

    Raises:
        DataError: there are no files, or one cannot be read, lacks a column or differs from the others.
    """
    is_parquet = data.name == "parquet"
    files = find_files(data, PARQUET if is_parquet else ARROW, "Parquet" if is_parquet else "Arrow")
    schemas = {path: _schema(path, is_parquet) for path in files.paths}
    first = files.paths[0]
    for path, schema in schemas.items():
        check_columns(data, schema.names, path)
        _check_image(schema.field(data.image).type, data.image, path)
        kinds = [str(one.field(label_column(data)).type) for one in (schemas[first], schema)]
        if kinds[0] != kinds[1]:
            raise DataError(
                f"data.label={data.label} is {kinds[0]} in {printable(first)}, but {kinds[1]} in {printable(path)}: "
                "write all files with the same columns."
            )
        if _class_names(schema, label_column(data)) != _class_names(schemas[first], label_column(data)):
            raise DataError(f"{printable(first)} and {printable(path)} have different names of classes.")
    read = partial(_records, is_parquet, data.image)
    shards = [Shard(path, part, partial(read, path)) for path, part in files.parts(data).items()]
    names = _class_names(schemas[first], label_column(data)) or names_beside(files, label_column(data))
    images = [
        str(_content(path, shard))
        for shard in shards
        if str(schemas[shard.name].field(data.image).type) in PATHS
        for _, (path,) in shard.records([data.image])
    ]
    return source_of(data, files, shards, names, _content, images)


def _schema(path: str, is_parquet: bool) -> "pa.Schema":
    with _opened(path, is_parquet) as file:
        return file.schema


def _records(is_parquet: bool, image: str, path: str, columns: Sequence[str]) -> Iterator[Record]:
    """The values of some columns, row by row; the name of a row is its number, from 0."""
    number = 0
    with _opened(path, is_parquet) as file:
        for batch in file.batches(list(dict.fromkeys(columns)), IMAGES if image in columns else VALUES):
            rows = zip(*(batch.column(column).to_pylist() for column in columns), strict=True)
            if file.mapped is not None and list(columns) == [image]:
                rows = zip(_placed(batch.column(image), path, file.mapped), strict=True)
            for values in rows:
                yield str(number), values
                number += 1


def _placed(column: "pa.Array", path: str, mapped: "pa.Buffer") -> Iterator[Any]:
    """The values of a column of images, with their places in the file if they are stored in it as they are.

    Args:
        column: some rows of the column.
        path: the path of the file.
        mapped: the bytes of the file.
    """
    import pyarrow as pa

    if pa.types.is_struct(column.type):
        column = column.flatten()[column.type.get_field_index("bytes")]
    kinds = {pa.binary(): np.int32, pa.large_binary(): np.int64}
    values = column.to_pylist()
    if column.type not in kinds:
        yield from values
        return
    _, ends, content = column.buffers()
    starts = np.frombuffer(ends, kinds[column.type])[column.offset :]
    for value, start in zip(values, starts.tolist(), strict=False):
        offset = content.address - mapped.address + start if content is not None else -1
        yield Piece.of(value, path, offset) if value and 0 <= offset < mapped.size else value


@contextlib.contextmanager
def _opened(path: str, is_parquet: bool) -> Iterator[_Table]:
    """An opened file; any error while it is open is raised as `DataError`."""
    import pyarrow as pa

    try:
        if is_parquet:
            import pyarrow.parquet as pq

            with open_file(path) as opened, pq.ParquetFile(opened, buffer_size=BUFFER, pre_buffer=False) as file:
                yield _Table(file.schema_arrow, lambda columns, size: file.iter_batches(size, columns=columns))
        else:
            with open_file(path) if is_remote(path) else pa.memory_map(path) as opened:
                yield _arrow_table(opened)
    except (pa.ArrowException, OSError) as error:
        kind = "Parquet" if is_parquet else "Arrow"
        reason = "it is empty" if _is_empty(path) else one_line(error)[:160].rstrip(".")
        raise DataError(f"{printable(path)} cannot be read as {kind}: {reason}.") from None


def _arrow_table(opened: Any) -> _Table:
    """A table of Arrow's stream format, which Hugging Face's library writes, or of its file format."""
    import pyarrow as pa

    mapped = opened.read_buffer() if isinstance(opened, pa.MemoryMappedFile) else None
    opened.seek(0)
    magic = opened.read(len(MAGIC))
    opened.seek(0)
    stream = pa.ipc.open_file(opened) if magic == MAGIC else pa.ipc.open_stream(opened)

    def batches(columns: list[str], size: int) -> Iterator["pa.RecordBatch"]:
        every: Iterable[pa.RecordBatch] = stream
        if magic == MAGIC:
            every = (stream.get_batch(number) for number in range(stream.num_record_batches))
        for batch in every:
            yield from (batch.select(columns).slice(start, size) for start in range(0, batch.num_rows, size))

    return _Table(stream.schema, batches, mapped)


def _is_empty(path: str) -> bool:
    with contextlib.suppress(OSError):
        return not is_remote(path) and os.path.getsize(path) == 0
    return False


def _class_names(schema: "pa.Schema", label: str) -> list[str] | None:
    """The names of the classes in the metadata that Hugging Face's library writes; None if there are none."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        feature = features[label]
        names = feature.get("feature", feature)["names"]  # of a list of labels, or of one
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return [str(name) for name in names] if isinstance(names, list) else None


def _check_image(kind: "pa.DataType", column: str, file: str) -> None:
    """Refuse a column that holds neither encoded images nor paths.

    Raises:
        DataError: the column has another type.
    """
    import pyarrow as pa

    types = pa.types
    if types.is_struct(kind) and "bytes" in {kind.field(number).name for number in range(kind.num_fields)}:
        return
    if str(kind) not in PATHS and not any(check(kind) for check in (types.is_binary, types.is_large_binary)):
        raise DataError(
            f"data.image={column} is {printable(str(kind))[:80]} in {printable(file)}, but must be images of a format "
            "such as JPEG, or their paths."
        )


def _content(value: Any, shard: Shard) -> Content:
    """The content of an image or its path, from a value of its column.

    Args:
        value: bytes, a mapping with bytes, or a path relative to the folder of the file.
        shard: the shard with the image.
    """
    if isinstance(value, Mapping):
        value = value.get("bytes")
    if isinstance(value, str):
        return os.path.join(os.path.dirname(shard.name), value)
    return value if value is not None else b""
