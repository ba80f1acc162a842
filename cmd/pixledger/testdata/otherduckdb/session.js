// Keeps DuckDB files open, as BI tools do: reads orders from standard input, one
// JSON object a line, and answers each with one line.
//   {"open": name, "path": file, "write": false}   opens a file under a name
//   {"ask": name, "sql": statement}                answers with its rows
//   {"close": name}
const { DuckDBInstance } = require('@duckdb/node-api');
const lines = require('readline').createInterface({ input: process.stdin });

const instances = {}, connections = {};

async function obey(order) {
  if (order.open) {
    instances[order.open] = await DuckDBInstance.create(order.path, order.write ? {} : { access_mode: 'READ_ONLY' });
    connections[order.open] = await instances[order.open].connect();
    return [];
  }
  if (order.close) {
    connections[order.close].closeSync();
    instances[order.close].closeSync();
    return [];
  }
  return (await connections[order.ask].run(order.sql)).getRowObjectsJson();
}

(async () => {
  for await (const line of lines) {
    try {
      console.log(JSON.stringify({ rows: await obey(JSON.parse(line)) }));
    } catch (err) {
      console.log(JSON.stringify({ error: String(err) }));
    }
  }
})();
