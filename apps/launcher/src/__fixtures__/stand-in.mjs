// Stands in for a role in the launcher's tests: says it is ready, and notes how it was started and ended.
import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [role, notes] = process.argv.slice(2);
const note = (what) => appendFileSync(join(notes, 'notes'), `${role} ${what}\n`);
const { SLUICE_CONFIG, SLUICE_SIMULATOR_URL, REDIS_URL, PORT } = process.env;

if (existsSync(join(notes, `fail-${role}`))) {
  console.log('it does not want to');
  process.exit(3);
}
// Something to stay alive for, as a real role has.
const server = createServer((_, response) => response.end(role)).listen(0, '127.0.0.1', () => {
  console.log(`${role} is up`);
  note(`ready ${JSON.stringify({ SLUICE_CONFIG, SLUICE_SIMULATOR_URL, REDIS_URL, PORT, pid: process.pid })}`);
  process.send({ type: 'ready' });
});
process.on('SIGTERM', () => {
  note('SIGTERM');
  if (existsSync(join(notes, `stubborn-${role}`))) return;
  server.close();
  process.disconnect?.();
});
