"""Reads the Parquet files of a lake with two readers that share no code with
the one that wrote them, and holds them against each other, value by value; then
asks for single users by a filter, which lets the readers skip by the files'
bounds. Prints the number of rows of each event type."""

import collections
import pathlib
import sys

import polars
import pyarrow.compute
import pyarrow.parquet

COLUMNS_AT_A_TIME = 4

rows = collections.Counter()
for path in sorted(pathlib.Path(sys.argv[1]).glob("events/type=*/date=*/*.parquet")):
    file = pyarrow.parquet.ParquetFile(path)
    names = file.schema_arrow.names
    for at in range(0, len(names), COLUMNS_AT_A_TIME):
        some = names[at : at + COLUMNS_AT_A_TIME]
        one = file.read(columns=some)
        two = polars.read_parquet(path, columns=some, hive_partitioning=False)
        for name in some:
            a, b = one.column(name).to_pylist(), two.get_column(name).to_list()
            if name == "params":  # pairs in a list to both, of their own kinds
                a = [x and dict(x) for x in a]
                b = [x and dict(x.items() if isinstance(x, dict) else (pair.values() for pair in x)) for x in b]
            if a != b:
                wrong = next(i for i, (x, y) in enumerate(zip(a, b)) if x != y)
                sys.exit(f"{path}: {name}: row {wrong} is {a[wrong]!r} to one and {b[wrong]!r} to the other")
    users = file.read(columns=["user_id"]).column("user_id").to_pylist()
    counted = collections.Counter(u for u in users if u is not None)
    for user in list(counted)[:: max(1, len(counted) // 20)]:
        found = pyarrow.parquet.read_table(path, columns=["user_id"], filters=[("user_id", "=", user)], partitioning=None)
        if found.num_rows != counted[user]:
            sys.exit(f"{path}: a filter finds {found.num_rows} rows of user {user}, there are {counted[user]}")
    rows[path.parts[-3].removeprefix("type=")] += file.metadata.num_rows

for kind in sorted(rows):
    if rows[kind]:
        print(kind, rows[kind])
