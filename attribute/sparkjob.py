"""Matches touches on Spark, as the job file that is named says.

The job file is JSON, at a URL that Spark reads: what to set, the Parquet files
to read, the tables to make of them, and where the answer goes. Rows are never
touched by Python: the workers need none.
"""

import json
import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("pixledger attribute").getOrCreate()
job = json.loads(spark.read.text(sys.argv[1], wholetext=True).first()[0])
for key, value in job["settings"].items():
    spark.conf.set(key, value)
for view in job["views"]:
    spark.read.schema(view["schema"]).parquet(*view["files"]).createOrReplaceTempView(view["name"])
for table in job["tables"]:
    rows = spark.sql(table["select"])
    if table.get("kept"):  # read more than once: computed once, and safe from a worker's end
        rows.write.parquet(table["kept"])
        rows = spark.read.schema(rows.schema).parquet(table["kept_as"])
    rows.createOrReplaceTempView(table["name"])
spark.sql(job["answer"]).write.parquet(job["result"])
spark.stop()
