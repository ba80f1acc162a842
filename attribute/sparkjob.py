"""Matches touches on Spark, as the job file that is named says.

The job file is JSON, at a URL that Spark reads: what to set, the Parquet files
of each view, the statements, and where the answer goes. Rows are never
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
    reader = spark.read.schema(view["schema"]) if view.get("schema") else spark.read
    reader.parquet(*view["files"]).createOrReplaceTempView(view["name"])
for statement in job["statements"]:
    spark.sql(statement)
spark.sql(job["answer"]).write.parquet(job["result"])
spark.stop()
