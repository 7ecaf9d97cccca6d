// Loaded into a role by `npm run chaos` (NODE_OPTIONS), never by Sluice itself: the sources of the roles know nothing of it.
// Every step that must be atomic is one ledger script, so a crash point is "before" or "after" one of them:
//   SLUICE_CRASH_AT=after:store-outcomes:3   the third time its answer is stored and not yet acted upon, SIGKILL
// The same comes over IPC as {crashAt}, answered with {'armed <point>': 1}, and {diskFull: true|false} makes every write to
// a file fail with ENOSPC; its end is answered with {writesRefused: how many}. Calls of providers carry the process's id as
// their user-agent.
import { subscribe } from 'node:diagnostics_channel';
import { open } from 'node:fs/promises';
import { Redis } from 'ioredis';

const armed = { point: '', left: 0 };
let diskFull = false;
let writesRefused = 0;

function arm(text) {
  const [when, script, count = '1'] = text.split(':');
  armed.point = `${when}:sluice_${script.replaceAll('-', '_')}`;
  armed.left = Number(count);
}

function reach(point) {
  if (point !== armed.point || --armed.left > 0) return;
  process.kill(process.pid, 'SIGKILL');
}

const define = Reflect.get(Redis.prototype, 'defineCommand');
Redis.prototype.defineCommand = function defineCommand(name, definition) {
  define.call(this, name, definition);
  if (!name.startsWith('sluice_')) return;
  for (const form of [name, `${name}Buffer`]) {
    const run = this[form];
    this[form] = function crashing(...args) {
      // A pipeline takes the client's commands over as they are; the client's own call has passed here already.
      if (!(this instanceof Redis)) return run.apply(this, args);
      reach(`before:${name}`);
      return run.apply(this, args).finally(() => reach(`after:${name}`));
    };
  }
};

const probe = await open('/dev/null', 'w');
const handles = Object.getPrototypeOf(probe);
await probe.close();
for (const name of ['write', 'writev', 'writeFile', 'appendFile']) {
  const write = handles[name];
  handles[name] = function full(...args) {
    if (!diskFull) return write.apply(this, args);
    writesRefused++;
    return Promise.reject(
      Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }),
    );
  };
}

if (process.env.SLUICE_CRASH_AT) arm(process.env.SLUICE_CRASH_AT);
process.on('message', (message) => {
  if (typeof message.crashAt === 'string') {
    arm(message.crashAt);
    process.send({ [`armed ${message.crashAt}`]: 1 }, () => undefined);
  }
  if (typeof message.diskFull !== 'boolean') return;
  diskFull = message.diskFull;
  if (!diskFull) process.send({ writesRefused }, () => undefined);
  writesRefused = 0;
});
subscribe('undici:request:create', ({ request }) => {
  request.addHeader('user-agent', `pid ${process.pid}`);
});
// Listening must not keep alive what would end without it.
process.channel?.unref();
