// Runs the statements given on standard input, a JSON array of {sql, params},
// in a DuckDB that is not pixledger's, and prints the rows of each as JSON.
const { DuckDBInstance } = require('@duckdb/node-api');

async function main() {
  const statements = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const answers = [];
  for (const { sql, params } of statements) {
    const result = await connection.run(sql, params);
    answers.push(await result.getRowObjectsJson());
  }
  console.log(JSON.stringify(answers));
}

main().catch((err) => {
  console.error(String(err));
  process.exit(1);
});
