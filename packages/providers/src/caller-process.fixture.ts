// A process that makes one call, for tests that stop it meanwhile: `<url> <timeout ms>`; sends how the call ended.
import { createCaller } from './call.ts';

const [url = '', timeoutMs] = process.argv.slice(2);
const caller = createCaller();
const request = { method: 'POST' as const, url, headers: {}, body: '{}' };
const result = await caller.send(request, { timeoutMs: Number(timeoutMs) });
process.send?.(
  result.kind === 'answer'
    ? { kind: result.kind, length: result.response.text.length }
    : { kind: result.kind, length: 0 },
);
await caller.close();
process.disconnect();
